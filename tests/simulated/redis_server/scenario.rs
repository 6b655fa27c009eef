//! Three clients count, two produce items, and two consume them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use innermost::server::{GracefulServer, StopToken};
use innermost::spawn;
use innermost::testing::{Host, Hosts, Interface, NetworkStream};

use super::super::client::{Client, Script};
use super::super::for_seeds;
use super::super::weather::{Dice, Failures, hosts};
use super::connection::Connection;
use super::server::{Server, Settings};
use super::sweeper::Sweeper;

const PORT: u16 = 6379;

/// How many rounds a counter and a producer make.
const ROUNDS: i64 = 5;

/// What the clients have seen together.
#[derive(Default)]
struct Seen {
    /// The values of the counter that they share.
    counts: RefCell<BTreeSet<i64>>,
    items: RefCell<BTreeSet<String>>,
    producing: Cell<u32>,
    /// How many items were certainly, and perhaps, put in.
    put: Cell<(usize, usize)>,
}

#[test]
fn redis_loses_no_reply_and_gives_none_twice() {
    for_seeds(1000, |seed| {
        let mut dice = Dice::new(seed);
        let names = ["server", "a", "b", "c", "producer 1", "producer 2", "consumer 1", "consumer 2"];
        let hosts = hosts(&mut dice, seed, &names);
        let (failures, losses) = (Failures::default(), Rc::new(Cell::new(0)));
        let (host, server, stop) = serve(&hosts, &failures);
        let seen = Rc::new(Seen::default());
        seen.producing.set(2);
        let mut clients = Vec::new();
        for name in &names[1..4] {
            let script = Counter { key: name, seen: Rc::clone(&seen), own: 0, asked: 0, is_lost: false };
            clients.push(client(&hosts, name, script, &losses));
        }
        for name in &names[4..6] {
            let script = Producer { name, seen: Rc::clone(&seen), round: 0 };
            clients.push(client(&hosts, name, script, &losses));
        }
        for name in &names[6..] {
            clients.push(client(&hosts, name, Consumer { seen: Rc::clone(&seen), is_over: false }, &losses));
        }
        for client in &clients {
            hosts.run_until(client).expect("nobody is starved");
        }
        check(&seen, losses.get());
        if losses.get() == 0 {
            // The clients have closed, and the server has to notice.
            hosts.run_for(Duration::from_secs(60)).expect("nothing fails");
            assert_eq!(server.clients.borrow().len(), 0);
        }
        stop.borrow().as_ref().expect("it has started").stop();
        hosts.run_until(&host).expect("it stops");
        assert_eq!(server.clients.borrow().len(), 0);
        failures.check();
    });
}

/// Where a server leaves what stops it.
type Stop = Rc<RefCell<Option<StopToken>>>;

fn serve(hosts: &Hosts, failures: &Failures) -> (Host, Rc<Server>, Stop) {
    let (server, stop) = (Server::new(Settings::default()), Stop::default());
    let (shared, left, hook) = (Rc::clone(&server), Rc::clone(&stop), failures.hook());
    let main = move |interface: Interface| {
        spawn(Sweeper::new(&shared))?;
        let listener = interface.listen(PORT)?;
        let serving = GracefulServer::new(listener, move |stream: NetworkStream, _| {
            let address = Some(stream.peer_addr());
            Ok(Connection::new(stream, &shared, address))
        });
        left.replace(Some(serving.stop_token()));
        Ok(serving.cancel_on_stop().on_failure(hook))
    };
    let host = hosts.host("server", main).expect("the name is new");
    failures.watch(&host);
    (host, server, stop)
}

fn client(hosts: &Hosts, name: &str, script: impl Script + 'static, losses: &Rc<Cell<u32>>) -> Host {
    let losses = Rc::clone(losses);
    hosts.host(name, move |interface| Ok(Client::new(interface, PORT, script, &losses))).expect("the name is new")
}

/// The last checks, when all clients have ended.
fn check(seen: &Seen, losses: u32) {
    let (counts, items, (put, perhaps)) = (seen.counts.borrow(), seen.items.borrow(), seen.put.get());
    assert!(items.len() <= perhaps, "no item comes from nowhere");
    if losses == 0 {
        assert_eq!(*counts, (1..=3 * ROUNDS).collect(), "each request was run once, and each reply came");
        assert_eq!((items.len(), perhaps), (put, put), "each item came");
        assert_eq!(put, 2 * 2 * ROUNDS as usize);
    }
}

/// A request as Redis's clients send it.
fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes += &format!("${}\r\n{word}\r\n", word.len());
    }
    bytes.into_bytes()
}

/// A value of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Number(i64),
    Text(String),
    Nil,
    List(Vec<Value>),
}

/// A value, and where it ends. `None` until all of it is there.
fn parse(bytes: &[u8], start: usize) -> Option<(Value, usize)> {
    let line = bytes[start..].windows(2).position(|pair| pair == b"\r\n")? + start;
    let rest = std::str::from_utf8(&bytes[start + 1..line]).expect("it is text");
    let after = line + 2;
    let number = || rest.parse::<i64>().expect("it is a number");
    match bytes[start] {
        b':' => Some((Value::Number(number()), after)),
        b'+' => Some((Value::Text(rest.into()), after)),
        b'$' | b'*' if number() < 0 => Some((Value::Nil, after)),
        b'$' => {
            let end = after + number() as usize;
            let text = bytes.get(after..end + 2)?;
            Some((Value::Text(String::from_utf8_lossy(&text[..text.len() - 2]).into_owned()), end + 2))
        }
        b'*' => {
            let (mut values, mut end) = (Vec::new(), after);
            for _ in 0..number() {
                let (value, next) = parse(bytes, end)?;
                values.push(value);
                end = next;
            }
            Some((Value::List(values), end))
        }
        _ => panic!("an unexpected answer: {rest}"),
    }
}

/// `N` values that follow each other.
fn parse_all<const N: usize>(bytes: &[u8]) -> Option<([Value; N], usize)> {
    let mut end = 0;
    let mut values = Vec::new();
    while values.len() < N {
        let (value, next) = parse(bytes, end)?;
        values.push(value);
        end = next;
    }
    Some((values.try_into().expect("there are N"), end))
}

/// Increments a number of its own and one that others increment too, in one go.
struct Counter {
    key: &'static str,
    seen: Rc<Seen>,
    /// The last value of its own number.
    own: i64,
    /// How often it has asked to increment it.
    asked: i64,
    /// Whether it does not know the value.
    is_lost: bool,
}

impl Script for Counter {
    fn request(&mut self) -> Option<Vec<u8>> {
        if self.is_lost {
            return Some(request(&["GET", self.key]));
        }
        if self.own == ROUNDS {
            return None;
        }
        self.asked += 1;
        Some([request(&["INCR", self.key]), request(&["ECHO", self.key]), request(&["INCR", "shared"])].concat())
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.is_lost {
            let (value, end) = parse(bytes, 0)?;
            let value = match value {
                Value::Nil => 0,
                Value::Text(digits) => digits.parse().expect("it is a number"),
                other => panic!("{other:?}"),
            };
            assert!((self.own..=self.asked).contains(&value), "each request was run at most once");
            (self.own, self.asked, self.is_lost) = (value, value, false);
            return Some(end);
        }
        let ([own, echo, shared], end) = parse_all::<3>(bytes)?;
        assert_eq!((own, echo), (Value::Number(self.own + 1), Value::Text(self.key.into())), "replies come in order");
        self.own += 1;
        let Value::Number(shared) = shared else { panic!("{shared:?}") };
        assert!(self.seen.counts.borrow_mut().insert(shared), "two clients got {shared}");
        Some(end)
    }

    fn lost(&mut self) {
        self.is_lost = true;
    }
}

/// Puts items into a list, two at a time.
struct Producer {
    name: &'static str,
    seen: Rc<Seen>,
    round: i64,
}

impl Script for Producer {
    fn request(&mut self) -> Option<Vec<u8>> {
        if self.round == ROUNDS {
            self.seen.producing.set(self.seen.producing.get() - 1);
            return None;
        }
        self.round += 1;
        let (put, perhaps) = self.seen.put.get();
        self.seen.put.set((put, perhaps + 2));
        Some(request(&[
            "RPUSH",
            "jobs",
            &format!("{} {}", self.name, self.round),
            &format!("{} -{}", self.name, self.round),
        ]))
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<usize> {
        let (value, end) = parse(bytes, 0)?;
        assert!(matches!(value, Value::Number(1..)), "{value:?}");
        let (put, perhaps) = self.seen.put.get();
        self.seen.put.set((put + 2, perhaps));
        Some(end)
    }

    fn lost(&mut self) {}
}

/// Takes items from the list, until nobody puts in any.
struct Consumer {
    seen: Rc<Seen>,
    is_over: bool,
}

impl Script for Consumer {
    fn request(&mut self) -> Option<Vec<u8>> {
        (!self.is_over).then(|| request(&["BLPOP", "jobs", "1"]))
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<usize> {
        let (value, end) = parse(bytes, 0)?;
        match value {
            Value::Nil => self.is_over = self.seen.producing.get() == 0,
            Value::List(pair) => match &pair[..] {
                [Value::Text(key), Value::Text(item)] => {
                    assert_eq!(key, "jobs");
                    assert!(self.seen.items.borrow_mut().insert(item.clone()), "{item} came twice");
                }
                _ => panic!("{pair:?}"),
            },
            other => panic!("{other:?}"),
        }
        Some(end)
    }

    fn lost(&mut self) {}
}
