//! Reading, writing, closing.

use std::io::{ErrorKind, Read, Write};
use std::net::{self, Shutdown};
use std::rc::Rc;

use innermost::async_iter::AsyncIterator;
use innermost::net::Connect;
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, Coroutine, Exception, Kind, Resumed, Step, TcpListener, TcpStream, yield_from,
};
use socket2::SockRef;

use crate::support::connections::{any, io_kind, listen, new_loop, pair, run};

/// Accepts one connection, reads to the end of the stream, and answers with the same text in capitals.
struct Shouter {
    listener: Rc<TcpListener>,
    stream: Option<TcpStream>,
    buffer: Buffer,
    phase: Phase,
}

#[derive(Clone, Copy)]
enum Phase {
    Reading,
    Writing,
}

impl Coroutine for Shouter {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match (&self.stream, self.phase) {
                (None, _) => self.stream = Some(yield_from!(self.listener.accept(), sent)?.0),
                (Some(stream), Phase::Reading) => {
                    if yield_from!(stream.read(&mut self.buffer), sent)? == 0 {
                        let shouted = self.buffer.bytes().to_ascii_uppercase();
                        self.buffer.clear();
                        self.buffer.write_all(&shouted)?;
                        self.phase = Phase::Writing;
                    }
                }
                (Some(stream), Phase::Writing) => {
                    yield_from!(stream.write_all(&mut self.buffer), sent)?;
                    stream.shutdown(Shutdown::Write)?;
                    return Ok(Step::Return(()));
                }
            }
        }
    }
}

/// Connects and sends. Returns all received bytes.
struct Asker {
    connect: Connect,
    stream: Option<TcpStream>,
    question: &'static [u8],
    answer: Vec<u8>,
}

impl Coroutine for Asker {
    type Yield = Await;
    type Input = ();
    type Return = Vec<u8>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let Some(stream) = &self.stream else {
                self.stream = Some(yield_from!(self.connect, sent)?);
                continue;
            };
            if !self.question.is_empty() {
                let count = yield_from!(stream.send(self.question), sent)?;
                self.question = &self.question[count..];
                if self.question.is_empty() {
                    stream.shutdown(Shutdown::Write)?;
                }
                continue;
            }
            let mut bytes = [0; 5];
            match yield_from!(stream.recv(&mut bytes), sent)? {
                0 => return Ok(Step::Return(std::mem::take(&mut self.answer))),
                count => self.answer.extend(&bytes[..count]),
            }
        }
    }
}

#[test]
fn two_machines_talk_and_see_each_others_end() {
    let event_loop = new_loop();
    let listener = listen();
    let connect = TcpStream::connect(listener.local_addr().unwrap());
    let shouter = Shouter { listener, stream: None, buffer: Buffer::new(), phase: Phase::Reading };
    let shouting = event_loop.create_task(shouter).unwrap();
    let asker = Asker { connect, stream: None, question: b"what does a coroutine cost?", answer: Vec::new() };
    assert_eq!(event_loop.run_until_complete(asker).unwrap(), b"WHAT DOES A COROUTINE COST?");
    event_loop.run_until_complete(shouting).unwrap();
}

#[test]
fn empty_reads_and_writes_do_nothing() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    peer.write_all(b"abc").unwrap();
    for room in [0, 3] {
        let used = Rc::clone(&stream);
        let received =
            run(&event_loop, move |mut sent| yield_from!(used.recv(&mut [0; 3][..room]), sent).map(Step::Return));
        assert_eq!(received.unwrap(), room);
    }
    let used = Rc::clone(&stream);
    assert_eq!(run(&event_loop, move |mut sent| yield_from!(used.send(&[]), sent).map(Step::Return)).unwrap(), 0);
    let (used, mut empty) = (Rc::clone(&stream), Buffer::new());
    run(&event_loop, move |mut sent| yield_from!(used.write_all(&mut empty), sent).map(Step::Return)).unwrap();
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_read_into_a_full_buffer_is_refused_and_loses_nothing() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    let mut buffer = Buffer::new();
    buffer.write_all(&[b'x'; 64 * 1024]).unwrap();
    peer.write_all(b"more").unwrap();

    let lengths = run(&event_loop, move |mut sent| {
        let raised = yield_from!(stream.read(&mut buffer), sent).unwrap_err();
        assert_eq!(io_kind(&raised), ErrorKind::StorageFull);
        let full = buffer.len();
        // The room that is in front counts too.
        buffer.consume(3);
        let count = yield_from!(stream.read(&mut buffer), sent)?;
        buffer.consume(buffer.len() - 3);
        assert_eq!(buffer.bytes(), b"mor");
        buffer.clear();
        let rest = yield_from!(stream.read(&mut buffer), sent)?;
        Ok(Step::Return((full, count, rest)))
    });
    assert_eq!(lengths.unwrap(), (64 * 1024, 3, 1));
}

#[test]
fn a_socket_shut_down_for_writing_can_still_be_read() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    peer.write_all(b"abc").unwrap();
    let used = Rc::clone(&stream);
    let received = run(&event_loop, move |mut sent| yield_from!(used.recv(&mut [0; 8]), sent).map(Step::Return));
    assert_eq!(received.unwrap(), 3);
    let raised = run(&event_loop, move |mut sent| yield_from!(stream.send(&[0]), sent).map(Step::Return)).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::BrokenPipe);
}

#[test]
fn reading_at_the_end_of_the_stream_can_be_repeated() {
    let event_loop = new_loop();
    let (stream, peer) = pair();
    drop(peer);
    for _ in 0..3 {
        let used = Rc::clone(&stream);
        let received = run(&event_loop, move |mut sent| yield_from!(used.recv(&mut [0; 8]), sent).map(Step::Return));
        assert_eq!(received.unwrap(), 0);
    }
}

#[test]
fn a_reset_by_the_peer_is_raised_in_the_waiting_task() {
    let event_loop = new_loop();
    let (stream, peer) = pair();
    let mut peer = Some(peer);
    let used = Rc::clone(&stream);
    let raised = run(&event_loop, move |mut sent| {
        let step = used.recv(&mut [0]).resume(std::mem::replace(&mut sent, Ok(())))?;
        if let Some(peer) = peer.take() {
            // Now that it waits.
            SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO))?;
        }
        Ok(step)
    })
    .unwrap_err();
    assert_eq!((raised.kind(), io_kind(&raised)), (Kind::Error, ErrorKind::ConnectionReset));
    let raised = run(&event_loop, move |mut sent| yield_from!(stream.send(&[0]), sent).map(Step::Return)).unwrap_err();
    assert_eq!(io_kind(&raised), ErrorKind::BrokenPipe);
}

#[test]
fn an_urgent_byte_does_not_hold_back_later_bytes() {
    let event_loop = new_loop();
    let (stream, mut peer) = pair();
    let mut parts = Vec::new();
    let received = run(&event_loop, {
        move |mut sent| {
            let mut bytes = [0; 64];
            while parts.len() < 6 {
                let count = match stream.recv(&mut bytes).resume(std::mem::replace(&mut sent, Ok(())))? {
                    Step::Return(count) => count,
                    Step::Yield(wait) => {
                        if parts.is_empty() {
                            // All of it is there before the loop looks again. A read stops at the urgent byte, which
                            // does not mean that there is nothing behind it.
                            peer.write_all(b"abc")?;
                            SockRef::from(&peer).send_out_of_band(b"!")?;
                            peer.write_all(b"def")?;
                        }
                        return Ok(Step::Yield(wait));
                    }
                    Step::Delegate(_) => unreachable!("an operation has no frames"),
                };
                parts.extend_from_slice(&bytes[..count]);
            }
            Ok(Step::Return(std::mem::take(&mut parts)))
        }
    });
    assert_eq!(received.unwrap(), b"abcdef");
}

#[test]
fn a_listener_yields_connections_one_by_one() {
    let event_loop = new_loop();
    let mut incoming = TcpListener::bind(any()).expect("a port is free").incoming();
    let address = incoming.listener().local_addr().expect("it is bound");
    let clients: Vec<_> = (0..3).map(|_| net::TcpStream::connect(address).expect("it listens")).collect();
    let clients: Vec<_> = clients.iter().map(|client| client.local_addr().expect("it is connected")).collect();
    let mut peers = Vec::new();
    let accepting = move |mut sent| {
        while peers.len() < 3 {
            let (stream, peer) = yield_from!(incoming.next(), sent)?.expect("it has no end");
            assert_eq!(stream.peer_addr()?, peer);
            peers.push(peer);
        }
        Ok(Step::Return(std::mem::take(&mut peers)))
    };
    assert_eq!(run(&event_loop, accepting).expect("descriptors are free"), clients);
}
