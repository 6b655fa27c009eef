//! [`ByteStream`]: both directions in one.

use super::{ByteRead, ByteWrite};

/// A connection: bytes can be read from it and written to it.
///
/// Write machines against this trait, and test them over memory: see
/// [`testing::memory_pair`](crate::testing::memory_pair). A pair of halves, `(reader, writer)`, is a byte stream too.
///
/// ```
/// use innermost::{Await, Buffer, ByteStream, Coroutine, Exception, Resumed, Step, yield_from};
///
/// /// Sends back everything that arrives.
/// struct Echo<S> {
///     stream: S,
///     buffer: Buffer,
/// }
///
/// impl<S: ByteStream> Coroutine for Echo<S> {
///     type Yield = Await;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             // If the last resume ended in here, this continues with the rest.
///             yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
///             if yield_from!(self.stream.read(&mut self.buffer), sent)? == 0 {
///                 return Ok(Step::Return(()));
///             }
///         }
///     }
/// }
/// ```
pub trait ByteStream: ByteRead + ByteWrite {}

impl<S: ByteRead + ByteWrite + ?Sized> ByteStream for S {}
