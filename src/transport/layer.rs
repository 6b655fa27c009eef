//! [`Layer`]: a protocol between a transport's protocol and its descriptor, such as TLS.
//!
//! A transport does not know TLS. It passes what has come to its layer, delivers the plaintext that the layer makes of it, and
//! sends what the layer has sealed. `stream/layered.rs` does that.

use core::any::Any;
use core::time::Duration;
use std::rc::Rc;

use crate::coroutine::Exception;
use crate::net::Buffer;

/// What a layer is lent for a call.
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is the only layer"))]
pub(crate) struct Lent<'a> {
    /// What has come. The layer removes what it has processed.
    pub(crate) incoming: &'a mut Buffer,
    /// What is to be sent.
    pub(crate) outgoing: &'a mut Buffer,
    /// Takes plaintext.
    pub(crate) plaintext: &'a mut dyn FnMut(&[u8]),
}

/// A layer of one connection. It does no input or output.
pub(crate) trait Layer {
    /// Processes what has come. A client begins its handshake with the first call.
    ///
    /// # Errors
    ///
    /// A violation of the layer's protocol.
    fn advance(&self, lent: &mut Lent<'_>) -> Result<(), Exception>;

    /// Seals some of `bytes`, and returns how many.
    ///
    /// # Errors
    ///
    /// Those of [`advance`](Self::advance).
    fn seal(&self, bytes: &[u8], lent: &mut Lent<'_>) -> Result<usize, Exception>;

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// Those of [`advance`](Self::advance).
    fn end(&self, lent: &mut Lent<'_>) -> Result<(), Exception>;

    fn is_handshaking(&self) -> bool;

    /// Whether the peer has said that it sends nothing more.
    fn peer_has_ended(&self) -> bool;

    /// The error if the descriptor ends, and the peer has not said before that this is the end.
    fn cut_off(&self) -> Exception;

    /// The error if the peer has let that time pass.
    fn timed_out(&self, after: Duration) -> Exception;

    /// Adds to an error of the handshake with whom it was.
    fn failed(&self, raised: Exception) -> Exception;

    fn handshake_timeout(&self) -> Duration;

    fn shutdown_timeout(&self) -> Duration;

    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is the only layer"))]
    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
}

/// Makes the layer of each connection of a server.
pub(crate) type MakeLayer = dyn Fn() -> Result<Rc<dyn Layer>, Exception>;
