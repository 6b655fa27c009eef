//! Connections over memory, in virtual time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::happy_eyeballs;
use innermost::resolver::{LookupError, LookupErrorKind};
use innermost::server::{GracefulServer, StopToken};
use innermost::testing::{Exchange, Interruption, MemoryStream, memory_listener, memory_pair, virtual_loop};
use innermost::{
    Await, Awaitable, Buffer, ByteRead, ByteWrite, CoroutineExt, EventLoop, Exception, Kind, Running, Step, Task,
    from_fn, ready, sleep, spawn, yield_from,
};

use super::connection::{CONNECTING, Connection, Dial, EARLY, IDLE, PATIENCE};
use super::message::Target;
use super::users::{Users, holder};
use super::{SUCCESS, bound, greeting, login, refusal, request_by_name, request_to, v6};

type InMemory = Running<Connection<MemoryStream, MemoryStream>>;

const SECOND: Duration = Duration::from_secs(1);

/// Sends back what comes, to the end.
fn echo(stream: MemoryStream) -> impl Awaitable<Return = ()> {
    let (mut buffer, mut is_over) = (Buffer::new(), false);
    from_fn(move |mut sent| {
        loop {
            yield_from!(stream.write_all(&mut buffer), sent)?;
            if is_over {
                return yield_from!(stream.write_eof(), sent).map(Step::Return);
            }
            is_over = yield_from!(stream.read(&mut buffer), sent)? == 0;
        }
    })
}

/// Connects to an echo, whatever the target.
fn dials_echo() -> Dial<MemoryStream> {
    Rc::new(|_| {
        let (near, far) = memory_pair();
        let spawned = spawn(echo(far).catch(|_| Ok(()))).map(drop);
        Box::new(ready(()).try_map(move |()| spawned.map(|()| (near, bound()))))
    })
}

/// Fails to connect.
fn fails(raise: impl Fn() -> Exception + Clone + 'static) -> Dial<MemoryStream> {
    Rc::new(move |_| {
        let raise = raise.clone();
        Box::new(ready(()).try_map(move |()| Err(raise())))
    })
}

fn everybody() -> Rc<Users> {
    Users::new(None, 10, 10)
}

fn ada() -> Rc<Users> {
    Users::new(Some((b"ada".to_vec(), b"secret".to_vec())), 10, 10)
}

/// A connection of a client.
fn connection(client: MemoryStream, users: &Rc<Users>, dial: &Dial<MemoryStream>) -> InMemory {
    Connection::new(client, "192.0.2.1".into(), Rc::clone(users), Rc::clone(dial), StopToken::new())
}

fn exchange(input: &[u8], users: Rc<Users>, dial: Dial<MemoryStream>) -> Exchange<InMemory> {
    Exchange::new(move |client| connection(client, &users, &dial)).input(input)
}

/// What a client of everybody's proxy receives.
fn answer(input: &[u8], dial: Dial<MemoryStream>) -> Vec<u8> {
    let ended = exchange(input, everybody(), dial).run();
    ended.outcome.expect("it ends");
    ended.output
}

#[test]
fn bytes_that_come_with_the_handshake_are_passed_on_however_they_are_cut() {
    let input = [greeting(&[0]), request_to(v6()), b"early bytes".to_vec()].concat();
    let expected = [&[5, 0][..], &SUCCESS, b"early bytes"].concat();
    let exchange = exchange(&input, everybody(), dials_echo());
    assert_eq!(exchange.run().output, expected);
    exchange.all_splits();
    exchange.truncations(|length, ended| {
        let is_request_complete = length >= 3 + 22;
        assert_eq!(ended.outcome.is_ok(), is_request_complete);
        assert!(expected.starts_with(&ended.output));
    });
    exchange.interruptions(|_, interruption, ended| {
        assert!(ended.outcome.is_ok() || interruption != Interruption::Close || expected.starts_with(&ended.output));
    });
}

#[test]
fn a_login_opens_the_proxy_and_a_wrong_one_does_not() {
    let with = |user: &[u8], password: &[u8]| {
        let input = [greeting(&[0, 2]), login(user, password), request_to(v6()), b"hi".to_vec()].concat();
        let exchange = exchange(&input, ada(), dials_echo());
        if user == b"ada" {
            exchange.all_splits();
        }
        exchange.run().output
    };
    assert_eq!(with(b"ada", b"secret"), [&[5, 2, 1, 0][..], &SUCCESS, b"hi"].concat());
    let long = [b'x'; 255];
    for (user, password) in [
        (&b"ada"[..], &b"Secret"[..]),
        (b"ada", b""),
        (b"", b"secret"),
        (b"", b""),
        (b"ad", b"secret"),
        (b"ada\0", b"secret"),
        (b"ada", b"secret\0"),
        (b"bob", b"secret"),
        (&long, &long),
    ] {
        assert_eq!(with(user, password), [5, 2, 1, 1]);
    }
}

#[test]
fn a_client_is_told_why_it_is_not_connected() {
    let input = [greeting(&[0]), request_by_name(b"host", 80), b"early".to_vec()].concat();
    let told = |dial| {
        let answer = answer(&input, dial);
        assert_eq!(answer[..2], [5, 0]);
        assert_eq!(answer[2..], refusal(answer[3]));
        answer[3]
    };
    let system = |kind: io::ErrorKind| fails(move || io::Error::from(kind).into());
    let all_of = |kinds: &'static [io::ErrorKind]| -> Dial<MemoryStream> {
        Rc::new(move |_| {
            let addresses = (0..kinds.len()).map(|port| SocketAddr::from(([192, 0, 2, 1], port as u16)));
            let connector = move |address: SocketAddr| {
                ready(()).try_map(move |()| Err(io::Error::from(kinds[usize::from(address.port())]).into()))
            };
            Box::new(happy_eyeballs(addresses, None, connector))
        })
    };
    use io::ErrorKind::{
        ConnectionRefused, HostUnreachable, NetworkUnreachable, OutOfMemory, PermissionDenied, TimedOut,
    };
    assert_eq!(told(system(ConnectionRefused)), 5);
    assert_eq!(told(system(HostUnreachable)), 4);
    assert_eq!(told(system(NetworkUnreachable)), 3);
    assert_eq!(told(system(PermissionDenied)), 2);
    assert_eq!(told(system(TimedOut)), 6);
    assert_eq!(told(system(OutOfMemory)), 1);
    assert_eq!(told(fails(|| LookupError::new(LookupErrorKind::Unknown, "host").into())), 4);
    assert_eq!(told(fails(|| Exception::message(Kind::ValueError, "no name"))), 4);
    assert_eq!(told(fails(|| Exception::message(Kind::RuntimeError, "oops"))), 1);
    // Of several addresses.
    assert_eq!(told(all_of(&[ConnectionRefused, ConnectionRefused])), 5);
    assert_eq!(told(all_of(&[NetworkUnreachable, ConnectionRefused])), 5);
    assert_eq!(told(all_of(&[HostUnreachable, NetworkUnreachable])), 4);
    assert_eq!(told(all_of(&[TimedOut])), 6);
}

/// A client, and the task of its connection.
fn connected(event_loop: &EventLoop, users: &Rc<Users>, dial: &Dial<MemoryStream>) -> (Rc<MemoryStream>, Task<()>) {
    // That it was left is no news.
    event_loop.set_exception_handler(|_| ());
    let (far, near) = memory_pair();
    (Rc::new(far), event_loop.create_task(connection(near, users, dial).catch(|_| Ok(()))).expect("it is open"))
}

/// Sends `bytes`, one every `pause`, and reads until there are `count` bytes, or all. Returns what was read.
fn talk(
    stream: &Rc<MemoryStream>,
    bytes: Vec<u8>,
    pause: Duration,
    count: usize,
) -> impl Awaitable<Return = Vec<u8>> + use<> {
    let (stream, mut at, mut nap, mut incoming) = (Rc::clone(stream), 0, sleep(pause), Buffer::with_limit(1 << 20));
    from_fn(move |mut sent| {
        while at < bytes.len() {
            yield_from!(nap, sent)?;
            // The proxy may have hung up.
            if let Err(_closed) = yield_from!(stream.send(&bytes[at..=at]), sent) {
                break;
            }
            (at, nap) = (at + 1, sleep(pause));
        }
        while incoming.len() < count && yield_from!(stream.read(&mut incoming), sent)? > 0 {}
        Ok(Step::Return(incoming.bytes().to_vec()))
    })
}

fn seconds(event_loop: &EventLoop) -> u64 {
    event_loop.time().since_zero().as_secs()
}

#[test]
fn a_client_that_is_silent_or_slow_is_dropped_after_a_while() {
    let all = || [greeting(&[0]), request_to(v6())].concat();
    // 25 bytes, one every half second, are in time. One a second is not.
    let half = Duration::from_millis(500);
    for (halves, sent) in [(1, 0), (1, 10), (2, 25), (29, 25)] {
        let event_loop = virtual_loop().unwrap();
        let (client, task) = connected(&event_loop, &everybody(), &dials_echo());
        let talking = event_loop.create_task(talk(&client, all()[..sent].to_vec(), halves * half, 100)).unwrap();
        event_loop.run_until_complete(task).unwrap();
        assert_eq!(seconds(&event_loop), PATIENCE.as_secs());
        assert!(event_loop.run_until_complete(talking).unwrap().len() < 10);
    }
    assert_eq!(PATIENCE, 15 * SECOND);
    let event_loop = virtual_loop().unwrap();
    let (client, task) = connected(&event_loop, &everybody(), &dials_echo());
    let received = event_loop.run_until_complete(talk(&client, all(), half, 12)).unwrap();
    assert_eq!((received, seconds(&event_loop)), ([&[5, 0][..], &SUCCESS].concat(), 12));
    // Then it may be silent for longer, but not for ever.
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(seconds(&event_loop), 12 + IDLE.as_secs());
}

#[test]
fn a_target_that_does_not_answer_is_given_up() {
    let event_loop = virtual_loop().unwrap();
    let dial: Dial<MemoryStream> = Rc::new(|_| Box::new(sleep(1000 * SECOND).map(|()| (memory_pair().0, bound()))));
    let (client, _task) = connected(&event_loop, &everybody(), &dial);
    let input = [greeting(&[0]), request_to(v6())].concat();
    let received = event_loop.run_until_complete(talk(&client, input, Duration::ZERO, 100)).unwrap();
    assert_eq!((received, seconds(&event_loop)), ([&[5, 0][..], &refusal(6)].concat(), CONNECTING.as_secs()));
}

/// Connects to an echo, after a while. Records when dialling begins and when it is over.
fn dials_slowly(delay: Duration, events: &Rc<RefCell<Vec<&'static str>>>) -> Dial<MemoryStream> {
    struct Over(Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Over {
        fn drop(&mut self) {
            self.0.borrow_mut().push("over");
        }
    }
    let (events, dial) = (Rc::clone(events), dials_echo());
    Rc::new(move |target| {
        events.borrow_mut().push("dials");
        let (over, mut nap, mut connecting) = (Over(Rc::clone(&events)), sleep(delay), dial(target));
        let mut is_rested = false;
        Box::new(from_fn(move |mut sent| {
            let _ = &over;
            if !is_rested {
                yield_from!(nap, sent)?;
                is_rested = true;
            }
            yield_from!(connecting, sent).map(Step::Return)
        }))
    })
}

#[test]
fn a_client_that_leaves_while_the_proxy_connects_gives_up_its_seat_at_once() {
    let event_loop = virtual_loop().unwrap();
    let (users, events) = (Users::new(None, 10, 1), Rc::default());
    let dial = dials_slowly(9 * SECOND, &events);
    let input = || [greeting(&[0]), request_to(v6())].concat();
    // The ways to leave: closing, a reset, ending the stream.
    for (leaving, way) in [0, 1, 2].into_iter().zip(1..) {
        let (client, task) = connected(&event_loop, &users, &dial);
        event_loop.run_until_complete(talk(&client, input(), Duration::ZERO, 2)).unwrap();
        event_loop.run_until_complete(sleep(SECOND)).unwrap();
        match leaving {
            0 => {}
            1 => client.reset(),
            _ => drop(client.attempt_write_eof().unwrap()),
        }
        let kept = (leaving == 2).then(|| Rc::clone(&client));
        drop(client);
        event_loop.run_until_complete(task).unwrap();
        assert_eq!(seconds(&event_loop), way);
        assert_eq!(events.take(), ["dials", "over"]);
        drop(kept);
    }
    // The seat is free.
    let (client, _task) = connected(&event_loop, &users, &dial);
    let received = event_loop.run_until_complete(talk(&client, input(), Duration::ZERO, 12)).unwrap();
    assert_eq!((received, seconds(&event_loop)), ([&[5, 0][..], &SUCCESS].concat(), 3 + 9));
}

#[test]
fn what_a_client_sends_while_the_proxy_connects_is_passed_on() {
    let input = [greeting(&[0]), request_to(v6())].concat();
    for (size, with_the_request, ends) in [(1, 0, true), (30, 10, false), (30, 30, true), (3 * EARLY, 1, true)] {
        let event_loop = virtual_loop().unwrap();
        let early: Vec<_> = (0..size).map(|index| index as u8).collect();
        let (client, _task) = connected(&event_loop, &everybody(), &dials_slowly(9 * SECOND, &Rc::default()));
        let start = [&*input, &early[..with_the_request]].concat();
        event_loop.run_until_complete(talk(&client, start, Duration::ZERO, 2)).unwrap();
        let (sender, mut rest) = (Rc::clone(&client), io::Cursor::new(early[with_the_request..].to_vec()));
        event_loop
            .create_task(from_fn(move |mut sent| {
                yield_from!(sender.write_all(&mut rest), sent)?;
                match ends {
                    true => yield_from!(sender.write_eof(), sent).map(Step::Return),
                    false => Ok(Step::Return(())),
                }
            }))
            .unwrap();
        let received = event_loop.run_until_complete(talk(&client, vec![], SECOND, 10 + size)).unwrap();
        assert!(received == [&SUCCESS[..], &early].concat(), "{size}, {with_the_request}, {ends}");
        assert_eq!(seconds(&event_loop), 9);
    }
}

#[test]
fn clients_of_one_address_that_say_nothing_leave_room_for_others() {
    let event_loop = virtual_loop().unwrap();
    let (users, dial, (listener, connector)) = (Users::new(None, 32, 64), dials_echo(), memory_listener());
    let addresses = Rc::new(RefCell::new(VecDeque::new()));
    let from = Rc::clone(&addresses);
    let server = GracefulServer::new(listener, move |client, stop| {
        let from = from.borrow_mut().pop_front().expect("each client has an address");
        Ok(Connection::new(client, from, Rc::clone(&users), Rc::clone(&dial), stop).catch(|_| Ok(())))
    });
    let _server = event_loop.create_task(server.max_connections(512)).unwrap();
    let connect = |address: &str| {
        addresses.borrow_mut().push_back(address.into());
        Rc::new(connector.connect().unwrap())
    };
    let input = || [greeting(&[0]), request_to(v6())].concat();
    let is_served = |address| {
        let received = event_loop.run_until_complete(talk(&connect(address), input(), Duration::ZERO, 12)).unwrap();
        received.get(3) == Some(&0)
    };
    // They stop anywhere in the handshake, or ask for what they do not get.
    let request = input().len();
    let hostile: Vec<_> = (0..2048).map(|_| connect("192.0.2.1")).collect();
    for (index, client) in hostile.iter().enumerate() {
        // Those that were turned away are gone.
        let _ = client.attempt_send(&input()[..index % request]);
    }
    assert!(is_served("192.0.2.2"));
    assert!(!is_served("192.0.2.1"));
    assert_eq!(seconds(&event_loop), 0);
    event_loop.run_until_complete(sleep(PATIENCE)).unwrap();
    assert!(is_served("192.0.2.1"));
    assert_eq!(seconds(&event_loop), PATIENCE.as_secs());
}

#[test]
fn a_network_of_ipv6_counts_as_one_address() {
    for (address, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("2001:db8:1:3::", "2001:db8:1:3::"),
        ("::1", "::"),
    ] {
        assert_eq!(holder(address.parse().unwrap()), expected);
    }
}

#[test]
fn a_client_that_is_connected_leaves_its_place_in_the_handshake() {
    let event_loop = virtual_loop().unwrap();
    let users = Users::new(None, 1, 2);
    let input = || [greeting(&[0]), request_to(v6())].concat();
    let connect = |dial| {
        let (client, task) = connected(&event_loop, &users, &dial);
        let received = event_loop.run_until_complete(talk(&client, input(), Duration::ZERO, 12)).unwrap();
        (received.get(3).copied(), client, task)
    };
    let (first, _client, _task) = connect(dials_echo());
    // While the proxy connects, it is the user's connection.
    let (dialling, _other_task) = connected(&event_loop, &users, &dials_slowly(SECOND, &Rc::default()));
    event_loop.run_until_complete(talk(&dialling, input(), Duration::ZERO, 2)).unwrap();
    // One that has been refused keeps its place until it has left.
    let (refused, client, task) = connect(dials_echo());
    let (turned_away, ..) = connect(dials_echo());
    assert_eq!((first, refused, turned_away), (Some(0), Some(2), None));
    drop(client);
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(connect(dials_echo()).0, Some(2));
}

#[test]
fn a_client_that_leaves_in_the_handshake_leaves_nothing_behind() {
    let input = [greeting(&[0]), request_to(v6())].concat();
    for length in 0..input.len() {
        let event_loop = virtual_loop().unwrap();
        for is_reset in [true, false] {
            let (client, task) = connected(&event_loop, &everybody(), &dials_echo());
            event_loop.run_until_complete(talk(&client, input[..length].to_vec(), SECOND / 2, 0)).unwrap();
            if is_reset {
                client.reset();
            }
            drop(client);
            event_loop.run_until_complete(task).unwrap();
        }
        assert_eq!(seconds(&event_loop), length as u64);
    }
}

#[test]
fn a_user_may_have_so_many_connections_at_once() {
    let event_loop = virtual_loop().unwrap();
    let users = Users::new(None, 10, 2);
    let input = || [greeting(&[0]), request_to(v6())].concat();
    let connect = |users: &Rc<Users>, dial: &Dial<MemoryStream>| {
        let (client, task) = connected(&event_loop, users, dial);
        let received = event_loop.run_until_complete(talk(&client, input(), Duration::ZERO, 12)).unwrap();
        (received[3], client, task)
    };
    let (first, client, task) = connect(&users, &dials_echo());
    // A connection that fails is counted only until its client has left.
    let refuses = fails(|| io::Error::from(io::ErrorKind::ConnectionRefused).into());
    let (refused, failed, failed_task) = connect(&users, &refuses);
    drop(failed);
    event_loop.run_until_complete(failed_task).unwrap();
    let (second, _other, _task) = connect(&users, &dials_echo());
    let (third, ..) = connect(&users, &dials_echo());
    assert_eq!((first, refused, second, third), (0, 5, 0, 2));
    drop(client);
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(connect(&users, &dials_echo()).0, 0);
}

#[test]
fn stopping_ends_handshakes_and_leaves_connections() {
    let event_loop = virtual_loop().unwrap();
    let (stop, users, dial) = (StopToken::new(), everybody(), dials_echo());
    let ((client, near), (waiting, other)) = (memory_pair(), memory_pair());
    let mut tasks = [near, other].map(|near| {
        let connection = Connection::new(near, "192.0.2.1".into(), Rc::clone(&users), Rc::clone(&dial), stop.clone());
        Some(event_loop.create_task(connection).unwrap())
    });
    let client = Rc::new(client);
    let input = [greeting(&[0]), request_to(v6())].concat();
    event_loop.run_until_complete(talk(&client, input, Duration::ZERO, 12)).unwrap();
    stop.stop();
    event_loop.run_until_complete(tasks[1].take().unwrap()).unwrap();
    assert!(matches!(waiting.attempt_recv(&mut [0; 8]), Ok(Step::Return(0))));
    // The other one still works.
    let echoed = event_loop.run_until_complete(talk(&client, b"still there".to_vec(), Duration::ZERO, 11)).unwrap();
    assert_eq!((echoed, seconds(&event_loop)), (b"still there".to_vec(), 0));
    client.attempt_write_eof().unwrap();
    event_loop.run_until_complete(tasks[0].take().unwrap()).unwrap();
}

#[test]
fn the_target_is_what_the_client_has_asked_for() {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let targets = Rc::clone(&asked);
    let dial: Dial<MemoryStream> = Rc::new(move |target| {
        targets.borrow_mut().push(target);
        Box::new(from_fn(|_| Ok(Step::<Await, (), _>::Return((memory_pair().0, bound())))))
    });
    for request in [request_to(v6()), request_by_name(b"www.example", 8080)] {
        answer(&[greeting(&[0]), request].concat(), Rc::clone(&dial));
    }
    assert_eq!(*asked.borrow(), [Target::Address(v6()), Target::Name("www.example".into(), 8080)]);
}
