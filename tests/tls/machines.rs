//! Machines that talk over any stream, and pairs of connected streams.

use std::rc::Rc;

use innermost::testing::{MemoryStream, virtual_loop};
use innermost::tls::{TlsAcceptor, TlsConnector, TlsStream};
use innermost::{
    Awaitable, Buffer, ByteRead, ByteStream, ByteWrite, EventLoop, Exception, Step, from_fn, gather, yield_from,
};

use crate::identities::both;

pub(crate) type Secured = Rc<TlsStream<MemoryStream>>;

/// Bytes in which a lost, repeated or moved piece is noticed.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0_u32..).flat_map(|number| number.wrapping_mul(0x9e37_79b1).to_le_bytes()).take(count).collect()
}

/// Sends everything.
pub(crate) fn say<S: ByteStream>(stream: &Rc<S>, bytes: &[u8]) -> impl Awaitable<Return = ()> + use<S> {
    let (stream, mut left) = (Rc::clone(stream), Buffer::from(bytes.to_vec()));
    from_fn(move |mut sent| yield_from!(stream.write_all(&mut left), sent).map(Step::Return))
}

/// Sends everything, and ends the stream.
pub(crate) fn say_and_end<S: ByteStream>(stream: &Rc<S>, bytes: &[u8]) -> impl Awaitable<Return = ()> + use<S> {
    let (stream, mut left, mut is_sent) = (Rc::clone(stream), Buffer::from(bytes.to_vec()), false);
    from_fn(move |mut sent: Result<(), Exception>| {
        if !is_sent {
            yield_from!(stream.write_all(&mut left), sent)?;
            is_sent = true;
        }
        yield_from!(stream.write_eof(), sent).map(Step::Return)
    })
}

/// Reads to the end.
pub(crate) fn hear<S: ByteStream>(stream: &Rc<S>) -> impl Awaitable<Return = Vec<u8>> + use<S> {
    let (stream, mut buffer, mut heard) = (Rc::clone(stream), Buffer::new(), Vec::new());
    from_fn(move |mut sent: Result<(), Exception>| {
        while yield_from!(stream.read(&mut buffer), sent)? > 0 {
            heard.extend_from_slice(buffer.bytes());
            buffer.clear();
        }
        Ok(Step::Return(std::mem::take(&mut heard)))
    })
}

/// Reads that many bytes.
pub(crate) fn hear_exactly<S: ByteStream>(stream: &Rc<S>, count: usize) -> impl Awaitable<Return = Vec<u8>> + use<S> {
    let (stream, mut buffer) = (Rc::clone(stream), Buffer::with_limit(count.max(1)));
    from_fn(move |mut sent: Result<(), Exception>| {
        yield_from!(stream.fill(&mut buffer, count), sent)?;
        Ok(Step::Return(buffer.bytes()[..count].to_vec()))
    })
}

/// Goes through the handshake of both ends.
pub(crate) fn secure<S: ByteStream + 'static>(
    event_loop: &EventLoop,
    (near, far): (S, S),
    (acceptor, connector): &(TlsAcceptor, TlsConnector),
) -> (Rc<TlsStream<S>>, Rc<TlsStream<S>>) {
    let accepting = event_loop.create_task(acceptor.accept(far)).expect("it is open");
    let client = event_loop.run_until_complete(connector.connect("localhost", near)).expect("it trusts the server");
    let server = event_loop.run_until_complete(accepting.join()).expect("any client will do");
    (Rc::new(client), Rc::new(server))
}

/// A loop, a client and a server.
pub(crate) fn connected(pair: (MemoryStream, MemoryStream)) -> (EventLoop, Secured, Secured) {
    let event_loop = virtual_loop().expect("it needs no descriptor");
    let (client, server) = secure(&event_loop, pair, &both());
    (event_loop, client, server)
}

/// Runs two machines side by side to their ends.
pub(crate) fn together<A: Awaitable + 'static, B: Awaitable + 'static>(
    event_loop: &EventLoop,
    a: A,
    b: B,
) -> (Result<A::Return, Exception>, Result<B::Return, Exception>)
where
    A::Return: 'static,
    B::Return: 'static,
{
    let (a, b) = (event_loop.create_task(a).expect("it is open"), event_loop.create_task(b).expect("it is open"));
    let a = event_loop.run_until_complete(a.join());
    (a, event_loop.run_until_complete(b.join()))
}

/// Both ends send that much and read everything, at the same time.
pub(crate) fn exchange(event_loop: &EventLoop, client: &Secured, server: &Secured, sent: &[u8]) -> Vec<Vec<u8>> {
    for end in [client, server] {
        event_loop.create_task(say_and_end(end, sent)).expect("it is open");
    }
    event_loop.run_until_complete(gather([hear(client), hear(server)])).expect("nothing fails")
}
