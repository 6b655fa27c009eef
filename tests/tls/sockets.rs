//! Over TCP.

use std::cell::Cell;
use std::rc::Rc;

use innermost::tls::TlsStream;
use innermost::{
    Await, Awaitable, Buffer, ByteRead, ByteWrite, CoroutineExt, EventLoop, Exception, LoopHandle, Step, TcpListener,
    TcpStream, from_fn, gather, yield_from,
};

use crate::identities::both;
use crate::machines::{bytes, hear, say_and_end};
use crate::support::loops::{any, new_loop};

/// Sends back what comes, until the end.
fn echo(stream: TlsStream<TcpStream>) -> impl Awaitable<Return = ()> {
    let mut buffer = Buffer::new();
    from_fn(move |mut sent: Result<(), Exception>| {
        loop {
            yield_from!(stream.write_all(&mut buffer), sent)?;
            if yield_from!(stream.read(&mut buffer), sent)? == 0 {
                yield_from!(stream.write_eof(), sent)?;
                return Ok(Step::Return(()));
            }
        }
    })
}

/// Accepts without end, and serves each connection in a task of its own.
fn serve(event_loop: &LoopHandle, served: &Rc<Cell<u32>>) -> std::net::SocketAddr {
    let (acceptor, _) = both();
    let listener = TcpListener::bind(any()).unwrap();
    let address = listener.local_addr().unwrap();
    let (handle, served) = (event_loop.clone(), Rc::clone(served));
    let serving = from_fn(move |mut sent: Result<(), Exception>| -> Result<Step<Await, (), ()>, Exception> {
        loop {
            let (socket, _) = yield_from!(listener.accept(), sent)?;
            let served = Rc::clone(&served);
            handle.create_task(acceptor.accept(socket).then(echo).map(move |()| served.set(served.get() + 1)))?;
        }
    });
    event_loop.create_task(serving).unwrap();
    address
}

fn asked(
    event_loop: &EventLoop,
    address: std::net::SocketAddr,
    question: Vec<u8>,
) -> impl Awaitable<Return = Vec<u8>> + use<> {
    let (_, connector) = both();
    let handle = event_loop.handle();
    TcpStream::connect(address).then(move |socket| {
        connector.connect("localhost", socket).then(move |stream| {
            let stream = Rc::new(stream);
            let saying = handle.create_task(say_and_end(&stream, &question)).unwrap();
            let mut hearing = hear(&stream);
            from_fn(move |mut sent: Result<(), Exception>| {
                let heard = yield_from!(hearing, sent)?;
                saying.cancel();
                Ok(Step::Return(heard))
            })
        })
    })
}

#[test]
fn a_megabyte_comes_back_over_each_of_many_connections() {
    let event_loop = new_loop();
    let served = Rc::default();
    let address = serve(&event_loop, &served);
    let whole = bytes(1 << 20);
    let answers = event_loop.run_until_complete(gather((0..10).map(|_| asked(&event_loop, address, whole.clone()))));
    assert!(answers.unwrap().iter().all(|answer| *answer == whole));
    assert_eq!(served.get(), 10);
}

#[test]
fn silent_clients_delay_nobody() {
    let event_loop = new_loop();
    let served = Rc::default();
    let address = serve(&event_loop, &served);
    // They never begin their handshakes.
    let silent: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    let answer = event_loop.run_until_complete(asked(&event_loop, address, b"hello".to_vec()));
    assert_eq!(answer.unwrap(), b"hello");
    assert_eq!(served.get(), 1);
    drop(silent);
}
