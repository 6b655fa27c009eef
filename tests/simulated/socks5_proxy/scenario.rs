//! Three clients talk with an echo behind the proxy.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::server::{GracefulServer, StopToken};
use innermost::testing::{Host, Hosts, Interface, NetworkStream};
use innermost::{Awaitable, Buffer, ByteRead, ByteWrite, CoroutineExt, Step, from_fn, yield_from};

use super::super::client::{Client, Script};
use super::super::for_seeds;
use super::super::weather::{Dice, Failures, hosts};
use super::connection::{Connection, Dial};
use super::message::Target;
use super::users::{Users, holder};

const PORT: u16 = 1080;

/// How many messages a client sends to the echo.
const ROUNDS: usize = 5;

#[test]
fn a_proxy_passes_each_byte_on_once() {
    for_seeds(1000, |seed| {
        let mut dice = Dice::new(seed);
        let names = ["server", "origin", "a", "b", "c"];
        let hosts = hosts(&mut dice, seed, &names);
        let (failures, losses) = (Failures::default(), Rc::default());
        let origin = hosts.host("origin", |interface| {
            let connections = |stream, _| Ok(echo(stream).catch(|_lost| Ok(())));
            Ok(GracefulServer::new(interface.listen(7)?, connections))
        });
        failures.watch(&origin.expect("the name is new"));
        let (proxy, stop) = proxy(&hosts, &failures);
        let mut clients = Vec::new();
        for name in &names[2..] {
            let (script, losses) = (Speaker::new(&mut dice), Rc::clone(&losses));
            let main = move |interface| Ok(Client::new(interface, PORT, script, &losses));
            clients.push(hosts.host(name, main).expect("the name is new"));
        }
        for client in &clients {
            hosts.run_until(client).expect("nobody is starved");
        }
        stop.borrow().as_ref().expect("it has started").stop();
        hosts.run_until(&proxy).expect("it stops");
        failures.check();
        assert!(losses.get() < 1000, "connections are lost by faults alone");
    });
}

/// Where a server leaves what stops it.
type Stop = Rc<RefCell<Option<StopToken>>>;

fn proxy(hosts: &Hosts, failures: &Failures) -> (Host, Stop) {
    let stop = Stop::default();
    let (hook, left) = (failures.hook(), Rc::clone(&stop));
    let main = move |interface: Interface| {
        let (listener, users) = (interface.listen(PORT)?, Users::new(None, 64, 64));
        let dial: Dial<NetworkStream> = Rc::new(move |target| Box::new(dial(&interface, target)));
        let serving = GracefulServer::new(listener, move |client: NetworkStream, stop| {
            let from = holder(client.peer_addr().ip());
            // A client that is lost ends its own connection alone.
            Ok(Connection::new(client, from, Rc::clone(&users), Rc::clone(&dial), stop).catch(|_| Ok(())))
        });
        left.replace(Some(serving.stop_token()));
        Ok(serving.on_failure(hook))
    };
    let host = hosts.host("server", main).expect("the name is new");
    failures.watch(&host);
    (host, stop)
}

fn dial(
    interface: &Interface,
    target: Target,
) -> impl Awaitable<Return = (NetworkStream, std::net::SocketAddr)> + use<> {
    let (host, port) = match target {
        Target::Address(address) => (address.ip().to_string(), address.port()),
        Target::Name(host, port) => (host, port),
    };
    interface.connect(host, port).map(|stream| {
        let bound = stream.local_addr();
        (stream, bound)
    })
}

/// Sends back what comes, to the end.
fn echo(stream: NetworkStream) -> impl Awaitable<Return = ()> {
    let mut buffer = Buffer::new();
    from_fn(move |mut sent| {
        loop {
            yield_from!(stream.write_all(&mut buffer), sent)?;
            if yield_from!(stream.read(&mut buffer), sent)? == 0 {
                return Ok(Step::Return(()));
            }
        }
    })
}

/// Has itself connected to the echo, and compares what comes back.
struct Speaker {
    messages: Vec<Vec<u8>>,
    said: usize,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    New,
    Greeted,
    Connected,
}

impl Speaker {
    fn new(dice: &mut Dice) -> Self {
        let mut message = || {
            let magnitude = dice.below(12);
            let length = 1 + dice.below(1 << magnitude);
            (0..length).map(|_| dice.below(256) as u8).collect()
        };
        Self { messages: (0..ROUNDS).map(|_| message()).collect(), said: 0, stage: Stage::New }
    }
}

impl Script for Speaker {
    fn request(&mut self) -> Option<Vec<u8>> {
        match self.stage {
            Stage::New => Some(vec![5, 1, 0]),
            Stage::Greeted => Some([&[5, 1, 0, 3, 6], &b"origin"[..], &[0, 7]].concat()),
            Stage::Connected => self.messages.get(self.said).cloned(),
        }
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.stage {
            Stage::New => {
                let reply = bytes.get(..2)?;
                assert_eq!(reply, [5, 0]);
                self.stage = Stage::Greeted;
                Some(2)
            }
            Stage::Greeted => {
                let reply = bytes.get(..10)?;
                // If the origin cannot be reached, the proxy refuses, and ends the connection.
                if reply[1] == 0 {
                    self.stage = Stage::Connected;
                }
                Some(10)
            }
            Stage::Connected => {
                let message = &self.messages[self.said];
                let length = bytes.len().min(message.len());
                assert!(bytes[..length] == message[..length] && bytes.len() <= message.len(), "each byte comes once");
                if bytes.len() < message.len() {
                    return None;
                }
                self.said += 1;
                Some(length)
            }
        }
    }

    fn lost(&mut self) {
        self.stage = Stage::New;
    }
}
