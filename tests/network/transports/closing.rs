//! Servers that are closed by their own callbacks. No connection is made afterwards, and `wait_closed` ends after the last
//! one.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;

use innermost::transport::CreateServer;
use innermost::{EventLoop, LoopHandle, Server};

use crate::transports::protocols::{Log, Recorder, any, new_loop, run_turns, run_until};

/// A server that its own callbacks can reach.
type Shared = Rc<RefCell<Option<Server>>>;

fn close(server: &Shared) {
    let server = server.borrow().clone();
    server.expect("it is made before anybody connects").close();
}

/// Protocols with numbers for names, from a factory that closes the server with the one of this number.
fn closing_at(number: usize, events: &Log, server: &Shared) -> impl FnMut() -> Recorder + 'static {
    let (events, server, mut made) = (events.clone(), Rc::clone(server), 0);
    move || {
        made += 1;
        let name = ["first", "second", "third"][made - 1];
        events.add(format_args!("factory {name}"));
        if made == number {
            close(&server);
        }
        Recorder::new(name, &events)
    }
}

fn serving(event_loop: &EventLoop, shared: &Shared, making: CreateServer) -> Server {
    let server = event_loop.run_until_complete(making).expect("it can listen");
    *shared.borrow_mut() = Some(server.clone());
    server
}

/// Records when `wait_closed` has ended.
fn record_the_end(event_loop: &LoopHandle, server: &Server, events: &Log) {
    let waiting = event_loop.create_task(server.wait_closed()).expect("it is open");
    let events = events.clone();
    waiting.add_done_callback(move |_| events.add("all closed"));
}

fn run_until_closed(event_loop: &LoopHandle, events: &Log) -> Vec<String> {
    let seen = events.clone();
    run_until(event_loop, move || seen.entries().iter().any(|event| event == "all closed"));
    run_turns(event_loop, 5);
    events.take()
}

fn client(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("it listens")
}

/// Whether the peer has ended the connection, by whichever way.
fn has_ended(mut client: impl Read) -> bool {
    client.read(&mut [0]).map_or(true, |count| count == 0)
}

// V3
#[test]
fn a_server_closed_by_its_factory_drops_that_connection() {
    let (event_loop, events) = new_loop();
    let shared = Shared::default();
    let server = serving(&event_loop, &shared, event_loop.create_server(closing_at(1, &events, &shared), any()));
    record_the_end(&event_loop, &server, &events);
    let client = client(server.local_addrs()[0]);
    assert_eq!(run_until_closed(&event_loop, &events), ["factory first", "all closed"]);
    assert!(server.clients().is_empty());
    assert!(has_ended(client));
}

// V3
#[test]
fn connections_accepted_before_the_close_in_one_turn_are_waited_for() {
    let (event_loop, events) = new_loop();
    let shared = Shared::default();
    let server = serving(&event_loop, &shared, event_loop.create_server(closing_at(2, &events, &shared), any()));
    record_the_end(&event_loop, &server, &events);
    let address = server.local_addrs()[0];
    let clients = [client(address), client(address), client(address)];
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 3);
    run_turns(&event_loop, 5);
    assert_eq!(events.take(), ["factory first", "factory second", "first made"]);
    let [first, second, third] = clients;
    assert!(has_ended(second) && has_ended(third));
    (&first).write_all(b"x").expect("it is served");
    drop(first);
    assert_eq!(run_until_closed(&event_loop, &events), ["first data x", "first eof", "first lost None", "all closed"]);
}

// V3
#[test]
fn a_unix_server_closed_by_its_factory_drops_that_connection() {
    let (event_loop, events) = new_loop();
    let shared = Shared::default();
    let path: PathBuf = std::env::temp_dir().join(format!("innermost.{}.closing", std::process::id()));
    let making = event_loop.create_unix_server(closing_at(1, &events, &shared), &path);
    let server = serving(&event_loop, &shared, making.unwrap());
    record_the_end(&event_loop, &server, &events);
    let client = UnixStream::connect(&path).expect("it listens");
    assert_eq!(run_until_closed(&event_loop, &events), ["factory first", "all closed"]);
    assert!(has_ended(client) && !path.exists());
}

// V3, V4: connections that `abort_clients` cannot reach yet are not made either.
#[test]
fn a_factory_can_close_its_server_and_abort_all_clients() {
    let (event_loop, events) = new_loop();
    let shared = Shared::default();
    let (of, log, mut made) = (Rc::clone(&shared), events.clone(), 0);
    let factory = move || {
        made += 1;
        if made == 2 {
            close(&of);
            of.borrow().as_ref().expect("it is made").abort_clients();
        }
        Recorder::new("", &log)
    };
    let server = serving(&event_loop, &shared, event_loop.create_server(factory, any()));
    record_the_end(&event_loop, &server, &events);
    let address = server.local_addrs()[0];
    let clients = [client(address), client(address)];
    assert_eq!(run_until_closed(&event_loop, &events), ["made", "lost None", "all closed"]);
    assert!(clients.into_iter().all(has_ended));
}

// V3
#[test]
fn a_server_closed_in_connection_made_waits_for_that_connection_and_others() {
    let (event_loop, events) = new_loop();
    let shared = Shared::default();
    let (of, log) = (Rc::clone(&shared), events.clone());
    let mut names = ["first", "second"].into_iter();
    let factory = move || {
        let of = Rc::clone(&of);
        let protocol = Recorder::new(names.next().expect("two connect"), &log);
        protocol.reacting(move |_, event| {
            if event == "made" {
                close(&of);
            }
        })
    };
    let server = serving(&event_loop, &shared, event_loop.create_server(factory, any()));
    record_the_end(&event_loop, &server, &events);
    let address = server.local_addrs()[0];
    let clients = [client(address), client(address)];
    let seen = events.clone();
    run_until(&event_loop, move || seen.entries().len() == 2);
    run_turns(&event_loop, 5);
    assert_eq!(events.take(), ["first made", "second made"]);
    for (client, name) in clients.into_iter().zip(["first", "second"]) {
        drop(client);
        let (seen, lost) = (events.clone(), format!("{name} lost None"));
        run_until(&event_loop, move || seen.entries().contains(&lost));
    }
    let expected = ["first eof", "first lost None", "second eof", "second lost None", "all closed"];
    assert_eq!(run_until_closed(&event_loop, &events), expected);
}

// A waiter can leave at little cost, however many there are, and the rest is woken in the order of coming.
#[test]
fn many_waiters_for_a_servers_end_can_be_cancelled_newest_first() {
    const MANY: usize = 100_000;
    let (event_loop, _) = new_loop();
    let shared = Shared::default();
    let server = serving(&event_loop, &shared, event_loop.create_server(|| crate::transports::protocols::Echo, any()));
    let tasks: Vec<_> = (0..MANY).map(|_| event_loop.create_task(server.wait_closed()).expect("it is open")).collect();
    run_turns(&event_loop, 2);
    for task in tasks[1..].iter().rev() {
        assert!(task.cancel());
    }
    run_turns(&event_loop, 3);
    assert!(tasks[1..].iter().all(|task| task.cancelled()) && !tasks[0].done());
    server.close();
    event_loop.run_until_complete(tasks[0].clone()).expect("it ends");
}
