//! [`linger`](fn@linger): closing a connection without a reset.
//!
//! If a program closes a socket that holds unread bytes, or at which more bytes arrive, the system resets the connection.
//! The peer then loses what it has not read yet: most often, the last answer. So `linger` ends the stream first, and then
//! reads and discards what still arrives, until the peer has ended its stream too. A peer could go on for ever, so the
//! time and the number of bytes are limited.

use core::fmt;
use core::time::Duration;

use super::byte_stream::attempted;
use super::relay::is_gone;
use super::{Buffer, ByteStream};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Stateless, Step};
use crate::event_loop::{Operation, find_running};
use crate::task::{Await, Progress};
use crate::time::{Sleep, sleep};
use crate::wait::{Race, Racing, Won};

/// Closes a connection so that the peer can read everything that was sent: ends the stream, reads and drops what the peer
/// still sends until it ends its stream too, and then drops `stream`.
///
/// Waits for the peer for two seconds, unless another [time limit](Lingering::time_limit) is set, and reads at most a
/// mebibyte, unless another [byte limit](Lingering::byte_limit) is set. At either limit, it drops the stream all the
/// same.
///
/// ```
/// use innermost::net::{Lingered, linger};
/// use innermost::testing::{memory_pair, virtual_loop};
/// use innermost::{ByteWrite, Exception};
/// use std::time::Duration;
///
/// let event_loop = virtual_loop()?;
/// let (near, far) = memory_pair();
/// far.attempt_send(b"one more question")?;
/// far.attempt_write_eof()?;
/// assert_eq!(event_loop.run_until_complete(linger(near))?, Lingered::PeerEnded);
///
/// let (near, _silent) = memory_pair();
/// let lingering = linger(near).time_limit(Duration::from_secs(5));
/// assert_eq!(event_loop.run_until_complete(lingering)?, Lingered::OutOfTime);
/// assert_eq!(event_loop.time().since_zero(), Duration::from_secs(5));
/// # Ok::<(), Exception>(())
/// ```
///
/// If `stream` is borrowed or shared, only that reference is dropped. A machine that keeps its stream has a [`Linger`] as
/// a field instead.
///
/// # Errors
///
/// Awaiting it raises the stream's error: `ConnectionReset` if the peer has reset the connection. It is no error if the
/// peer has already closed its end.
///
/// An exception that is thrown in, such as a `CancelledError`, is raised at once. However lingering ends, the stream has
/// been dropped by the time the awaiting coroutine goes on.
pub const fn linger<S: ByteStream>(stream: S) -> Lingering<S> {
    Lingering { stream: Some(stream), linger: Linger::new() }
}

/// How [`linger`](fn@linger) has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lingered {
    /// The peer has ended its stream, or was gone.
    PeerEnded,
    /// The time limit has passed.
    OutOfTime,
    /// The peer has sent more bytes than the limit allows.
    TooManyBytes,
}

/// Lingers on a stream that a machine owns. Store it in a field of that machine.
///
/// [`linger`](fn@linger) says what it does. Here the stream stays where it is, and [`run`](Self::run) borrows it each
/// time. The machine drops it afterwards.
///
/// ```
/// use innermost::net::{Linger, Lingered};
/// use innermost::testing::{MemoryStream, memory_pair, virtual_loop};
/// use innermost::{ByteWrite, Exception, Machine, machine, yield_from};
///
/// /// Says one thing, whatever the peer says.
/// struct Sign {
///     stream: MemoryStream,
///     linger: Linger,
/// }
///
/// machine!(
///     impl Machine for Sign {
///         type State = Phase;
///         type Return = Lingered;
///
///         fn Talking(&mut self, sent: Sent) -> Next<Closing> {
///             yield_from!(self.stream.send(b"closed"), sent)?;
///             to(Closing)
///         }
///
///         fn Closing(&mut self, sent: Sent) -> Next<End> {
///             end(yield_from!(self.linger.run(&self.stream), sent)?)
///         }
///     }
/// );
///
/// let (near, far) = memory_pair();
/// far.attempt_send(b"when do you open?")?;
/// far.attempt_write_eof()?;
/// let sign = Sign { stream: near, linger: Linger::new() };
/// assert_eq!(virtual_loop()?.run_until_complete(sign.start(Phase::Talking))?, Lingered::PeerEnded);
/// # Ok::<(), Exception>(())
/// ```
///
/// An exception that is thrown in is raised at once. A `Linger` that is run again after that goes on with the rest of its
/// time.
pub struct Linger {
    time: Duration,
    most: u64,
    /// Whether the end has been sent.
    has_ended: bool,
    read: u64,
    over: Racing<Sleep>,
    race: Race,
}

impl Linger {
    /// Creates a `Linger` with the limits of [`linger`](fn@linger): two seconds and a mebibyte.
    pub const fn new() -> Self {
        Self { time: TIME, most: BYTES, has_ended: false, read: 0, over: Racing::new(sleep(TIME)), race: Race::new() }
    }

    /// Sets how long lingering takes at most, from when it is first run. With zero, it reads only what has come already.
    /// Without a running loop there is no clock, and no limit.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time = limit;
        self.over = Racing::new(sleep(limit));
        self
    }

    /// Sets how many bytes the peer may still send. With zero, the first byte ends lingering.
    pub const fn byte_limit(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// Ends the stream, and reads until the peer has ended its own, or until a limit is reached.
    ///
    /// Returns a stateless coroutine: call `run` again at each resume, always with the same stream.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the [errors](fn@linger#errors) of [`linger`](fn@linger).
    pub const fn run<'a, S: ByteStream>(&'a mut self, stream: &'a S) -> RunLinger<'a, S> {
        RunLinger { linger: self, stream }
    }

    fn step<S: ByteStream>(&mut self, stream: &S, sent: Result<(), Exception>) -> Progress<Lingered> {
        let Self { has_ended, read, most, over, race, .. } = self;
        let end = Operation::new("linger", || attempt(stream, has_ended, read, *most));
        let over = find_running().map(|_| over);
        let lingered = match race.run((end, over)).resume(sent) {
            Ok(Step::Return(Won::A(lingered))) => Ok(lingered),
            Ok(Step::Return(Won::B(()))) => Ok(Lingered::OutOfTime),
            Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
            Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
            Err(raised) => return Err(raised),
        };
        self.over = Racing::new(sleep(self.time));
        lingered.map(Step::Return)
    }
}

/// Sends the end, and then reads and drops everything.
fn attempt<S: ByteStream>(stream: &S, has_ended: &mut bool, read: &mut u64, most: u64) -> Progress<Lingered> {
    if !*has_ended {
        match stream.attempt_write_eof() {
            Err(raised) if is_gone(&raised) => {}
            attempt => attempted!(attempt),
        }
        *has_ended = true;
    }
    while *read <= most {
        // It holds memory only until the bytes are dropped.
        match attempted!(stream.attempt_read(&mut Buffer::new())) {
            0 => return Ok(Step::Return(Lingered::PeerEnded)),
            count => *read += count as u64,
        }
    }
    Ok(Step::Return(Lingered::TooManyBytes))
}

/// How long a peer may take to end its stream, unless the program says otherwise.
const TIME: Duration = Duration::from_secs(2);

/// How much a peer may still send, unless the program says otherwise.
const BYTES: u64 = 1 << 20;

impl Default for Linger {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Linger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linger").field("time", &self.time).field("bytes", &self.most).field("read", &self.read).finish()
    }
}

/// The coroutine returned by [`Linger::run`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct RunLinger<'a, S> {
    linger: &'a mut Linger,
    stream: &'a S,
}

/// Everything that lasts is in the [`Linger`].
impl<S: ByteStream> Stateless for RunLinger<'_, S> {}

impl<S: ByteStream> Coroutine for RunLinger<'_, S> {
    type Yield = Await;
    type Input = ();
    type Return = Lingered;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.linger.step(self.stream, sent)
    }

    fn state(&self) -> State<'_> {
        State::new("linger", self.linger)
    }
}

impl<S> fmt::Debug for RunLinger<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.linger.fmt(f)
    }
}

/// The coroutine returned by [`linger`](fn@linger). Its methods set options before it is awaited.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Lingering<S> {
    /// `None` once it is closed.
    stream: Option<S>,
    linger: Linger,
}

impl<S: ByteStream> Lingering<S> {
    /// Sets how long lingering takes at most, as [`Linger::time_limit`] does. The default is two seconds.
    pub fn time_limit(self, limit: Duration) -> Self {
        Self { linger: self.linger.time_limit(limit), ..self }
    }

    /// Sets how many bytes the peer may still send, as [`Linger::byte_limit`] does. The default is a mebibyte.
    pub fn byte_limit(self, bytes: u64) -> Self {
        Self { linger: self.linger.byte_limit(bytes), ..self }
    }
}

impl<S: ByteStream> Coroutine for Lingering<S> {
    type Yield = Await;
    type Input = ();
    type Return = Lingered;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let Some(stream) = &self.stream else { return Err(sent.err().unwrap_or_else(Exception::reused)) };
        let step = self.linger.step(stream, sent);
        if matches!(step, Ok(Step::Return(_)) | Err(_)) {
            self.stream = None;
        }
        step
    }

    fn state(&self) -> State<'_> {
        State::new("linger", &self.linger)
    }
}

impl<S> fmt::Debug for Lingering<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.linger.fmt(f)
    }
}
