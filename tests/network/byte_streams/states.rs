//! What each operation does in each state of a connection: over TCP, over Unix sockets, and in memory.

use std::io::{ErrorKind, IoSlice, Write};
use std::net;
use std::rc::Rc;

use innermost::testing::memory_pair;
use innermost::wait::{Race, Racing, Won};
use innermost::{
    Await, Awaitable, Buffer, ByteRead, ByteStream, ByteWrite, EventLoop, Step, TcpStream, UnixStream, from_fn,
    yield_from,
};

use crate::support::connections::{any, io_kind, new_loop};

/// What one end does before the operation of this end.
#[derive(Clone, Copy)]
enum Act {
    Send,
    End,
    Abort,
    Drop,
}

#[derive(Clone, Copy)]
enum Who {
    This,
    Peer,
}

use Act::{Abort, Drop, End, Send};
use Who::{Peer, This};

type Acts = &'static [(Who, Act)];

/// States of connections that were not aborted, and in which everything was read that was sent to an end that is gone.
const STATES: &[Acts] = &[
    &[],
    &[(Peer, Send)],
    &[(This, End)],
    &[(This, End), (This, End)],
    &[(This, End), (Peer, Send)],
    &[(Peer, End)],
    &[(Peer, Send), (Peer, End)],
    &[(This, End), (Peer, End)],
    &[(Peer, End), (This, End)],
    &[(Peer, End), (This, End), (This, End)],
    &[(Peer, Drop)],
    &[(Peer, Send), (Peer, Drop)],
    &[(This, End), (Peer, Drop)],
    &[(Peer, End), (This, End), (Peer, Drop)],
    &[(Peer, Drop), (This, End)],
];

/// States in which the peer is gone, and has not read what was sent to it.
const UNREAD: &[Acts] = &[
    &[(This, Send), (Peer, Drop)],
    &[(This, Send), (This, End), (Peer, Drop)],
    &[(This, Send), (Peer, Send), (Peer, Drop)],
];

const ABORTED: &[Acts] = &[
    &[(Peer, Abort)],
    &[(Peer, Send), (Peer, Abort)],
    &[(This, End), (Peer, Abort)],
    &[(Peer, End), (Peer, Abort)],
    &[(This, Send), (Peer, Abort)],
    &[(Peer, Abort), (Peer, Abort)],
    &[(Peer, Abort), (Peer, Drop)],
    &[(This, Abort)],
    &[(This, Abort), (This, Abort)],
    &[(Peer, Send), (This, Abort)],
    &[(This, End), (This, Abort)],
];

#[derive(Clone, Copy, Debug)]
enum Operation {
    Recv,
    RecvNothing,
    Read,
    ReadExact,
    Send,
    SendNothing,
    SendVectored,
    WriteAll,
    WriteEof,
}

const READS: [Operation; 3] = [Operation::Recv, Operation::Read, Operation::ReadExact];
const WRITES: [Operation; 4] = [Operation::Send, Operation::SendNothing, Operation::SendVectored, Operation::WriteAll];

/// How an operation has ended. `None` if it waits.
type Outcome = Option<Result<usize, ErrorKind>>;

/// How an operation has ended when it was called three times.
type Outcomes = [Outcome; 3];

const fn always(outcome: Result<usize, ErrorKind>) -> Outcomes {
    [Some(outcome); 3]
}

fn operation<S: ByteStream + 'static>(stream: Rc<S>, operation: Operation) -> Box<dyn Awaitable<Return = usize>> {
    let (mut bytes, mut buffer) = (std::io::Cursor::new([0; 4]), Buffer::new());
    if let Operation::WriteAll = operation {
        buffer.write_all(b"abc").unwrap();
    }
    Box::new(from_fn(move |mut sent| {
        Ok(Step::Return(match operation {
            Operation::Recv => yield_from!(stream.recv(bytes.get_mut()), sent)?,
            Operation::RecvNothing => yield_from!(stream.recv(&mut []), sent)?,
            Operation::Read => yield_from!(stream.read(&mut buffer), sent)?,
            Operation::ReadExact => yield_from!(stream.read_exact(&mut bytes), sent).map(|()| 4)?,
            Operation::Send => yield_from!(stream.send(b"abc"), sent)?,
            Operation::SendNothing => yield_from!(stream.send(b""), sent)?,
            Operation::SendVectored => {
                yield_from!(stream.send_vectored(&[IoSlice::new(b""), IoSlice::new(b"abc")]), sent)?
            }
            Operation::WriteAll => yield_from!(stream.write_all(&mut buffer), sent).map(|()| 3)?,
            Operation::WriteEof => yield_from!(stream.write_eof(), sent).map(|()| 0)?,
        }))
    }))
}

/// Brings a connection into a state, and calls the operation three times. Where `waits` is false, it waits until the
/// operation has ended. Otherwise it gives up after some turns.
fn observe<S: ByteStream + 'static>(make: fn() -> (S, S), acts: Acts, what: Operation, waits: [bool; 3]) -> Outcomes {
    let event_loop = new_loop();
    let (this, peer) = make();
    let mut ends = [Some(Rc::new(this)), Some(Rc::new(peer))];
    let stream = Rc::clone(ends[This as usize].as_ref().expect("this end stays"));
    let prepare = from_fn(move |_| {
        for (who, act) in acts {
            let end = &mut ends[*who as usize];
            match (act, &*end) {
                (Drop, _) => *end = None,
                // Over TCP, the connection may be over before it is ended the second time.
                (End, Some(stream)) => drop(stream.attempt_write_eof()),
                (Send, Some(stream)) => drop(stream.attempt_send(b"hello").expect("there is room")),
                (Abort, Some(stream)) => stream.abort(),
                _ => {}
            }
        }
        // The peer stays, unless it was dropped.
        Ok(Step::<Await, (), _>::Return(ends.clone()))
    });
    let _ends = event_loop.run_until_complete(prepare).expect("it is ready");
    waits.map(|waits| attempt(&event_loop, operation(Rc::clone(&stream), what), waits))
}

fn attempt(event_loop: &EventLoop, operation: Box<dyn Awaitable<Return = usize>>, waits: bool) -> Outcome {
    let (mut operation, mut race, mut turns) = (Racing::new(operation), Race::new(), 0);
    let mut giving_up = Racing::new(from_fn(move |_| {
        turns += 1;
        // The loop does not ask the system in each turn in which it has something to do.
        Ok(if turns < 200 { Step::Yield(Await::next_turn()) } else { Step::Return(()) })
    }));
    let ended = event_loop.run_until_complete(from_fn(move |mut sent| {
        let giving_up = waits.then_some(&mut giving_up);
        yield_from!(race.run((&mut operation, giving_up)), sent).map(Step::Return)
    }));
    match ended {
        Ok(Won::A(count)) => Some(Ok(count)),
        Ok(Won::B(())) => None,
        Err(raised) => Some(Err(io_kind(&raised))),
    }
}

fn over_tcp(acts: Acts, what: Operation, waits: [bool; 3]) -> Outcomes {
    let make = || {
        let listener = net::TcpListener::bind(any()).expect("a port is free");
        let near = net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("somebody listens");
        let (far, _) = listener.accept().expect("somebody has connected");
        (TcpStream::from_std(near).expect("it is a socket"), TcpStream::from_std(far).expect("it is a socket"))
    };
    observe(make, acts, what, waits)
}

fn over_unix(acts: Acts, what: Operation) -> Outcomes {
    observe(|| UnixStream::pair().expect("descriptors are free"), acts, what, [true; 3])
}

fn in_memory(acts: Acts, what: Operation) -> Outcomes {
    observe(memory_pair, acts, what, [true; 3])
}

#[test]
fn all_kinds_of_connections_read_alike() {
    for acts in STATES {
        for what in READS {
            let read = over_unix(acts, what);
            assert_eq!(in_memory(acts, what), read, "{what:?}");
            assert_eq!(over_tcp(acts, what, read.map(|outcome| outcome.is_none())), read, "{what:?}");
        }
    }
}

#[test]
fn reading_into_nothing_never_waits_and_never_fails() {
    for acts in [STATES, UNREAD, ABORTED].concat() {
        let all = [in_memory(acts, Operation::RecvNothing), over_unix(acts, Operation::RecvNothing)];
        assert_eq!(all, [always(Ok(0)); 2]);
        assert_eq!(over_tcp(acts, Operation::RecvNothing, [false; 3]), always(Ok(0)));
    }
}

#[test]
fn all_kinds_of_connections_write_alike() {
    for acts in STATES {
        for what in WRITES {
            let written = over_unix(acts, what);
            assert_eq!(in_memory(acts, what), written, "{what:?}");
            // Over TCP, an end does not know that the peer is gone until the peer's system has answered.
            if !acts.iter().any(|act| matches!(act, (Peer, Drop))) {
                assert_eq!(over_tcp(acts, what, [false; 3]), written, "{what:?}");
            }
        }
    }
}

#[test]
fn ending_a_stream_again_or_after_the_peer_is_gone_is_no_error() {
    for acts in [STATES, UNREAD].concat() {
        assert_eq!(in_memory(acts, Operation::WriteEof), always(Ok(0)));
        assert_eq!(over_unix(acts, Operation::WriteEof), always(Ok(0)));
        // A TCP connection is over when both ends have ended, or when it is reset.
        for ended in over_tcp(acts, Operation::WriteEof, [false; 3]) {
            assert!(matches!(ended, Some(Ok(0) | Err(ErrorKind::NotConnected))), "{ended:?}");
        }
    }
}

#[test]
fn only_in_memory_a_peer_that_is_gone_may_leave_bytes_unread() {
    let is_reset = |read: Outcomes| read.contains(&Some(Err(ErrorKind::ConnectionReset)));
    for acts in UNREAD {
        let has_sent = acts.iter().any(|act| matches!(act, (Peer, Send)));
        let expected = if has_sent { [Some(Ok(4)), Some(Ok(1)), Some(Ok(0))] } else { always(Ok(0)) };
        assert_eq!(in_memory(acts, Operation::Recv), expected);
        assert!(is_reset(over_tcp(acts, Operation::Recv, [false; 3])));
        // Other systems do not reset Unix sockets.
        assert!(is_reset(over_unix(acts, Operation::Recv)) || cfg!(not(target_os = "linux")));
    }
}

#[test]
fn a_reset_is_raised_by_every_operation_in_memory() {
    for acts in ABORTED {
        for what in READS.into_iter().chain(WRITES) {
            assert_eq!(in_memory(acts, what), always(Err(ErrorKind::ConnectionReset)), "{what:?}");
        }
        assert_eq!(in_memory(acts, Operation::WriteEof), always(Err(ErrorKind::NotConnected)));
    }
    // Over TCP, by one of them.
    let over_tcp = |what| over_tcp(&[(Peer, Abort)], what, [false; 3]);
    for what in READS.into_iter().chain([Operation::Send]) {
        assert!(over_tcp(what).contains(&Some(Err(ErrorKind::ConnectionReset))), "{what:?}");
    }
}
