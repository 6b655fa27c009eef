//! Four members talk. The server's machine is that of the chat over TLS, here without TLS.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use innermost::server::{GracefulServer, StopToken};
use innermost::testing::{Interface, NetworkConnect, NetworkStream};
use innermost::wait::{Limit, Race, Racing, Won};
use innermost::{
    Buffer, ByteRead, ByteWrite, CoroutineExt, Exception, Kind, Machine, Running, Sleep, machine, sleep, yield_from,
};

use super::super::for_seeds;
use super::super::weather::{Dice, Failures, hosts};
use super::member::{Member, Room};

const PORT: u16 = 7009;

/// How many lines a member says.
const LINES: u32 = 5;

/// How long a member waits for another line.
const SILENCE: Duration = Duration::from_secs(600);

const NAMES: [&str; 5] = ["server", "a", "b", "c", "d"];

/// What the members know of each other.
#[derive(Default)]
struct World {
    /// How many members the server has.
    members: Cell<usize>,
    losses: Cell<u32>,
}

#[test]
fn members_of_a_chat_hear_each_line_once() {
    for_seeds(500, |seed| {
        let mut dice = Dice::new(seed);
        let hosts = hosts(&mut dice, seed, &NAMES);
        let (failures, world, stop) = (Failures::default(), Rc::new(World::default()), Stop::default());
        let main = serves(&world, &failures, &stop);
        let server = hosts.host("server", main).expect("the name is new");
        failures.watch(&server);
        let mut members = Vec::new();
        for name in &NAMES[1..] {
            let world = Rc::clone(&world);
            let main = move |interface| Ok(Talker::start_in(interface, name, world));
            members.push(hosts.host(name, main).expect("the name is new"));
        }
        for member in &members {
            hosts.run_until(member).expect("nobody is starved");
        }
        stop.borrow().as_ref().expect("it has started").stop();
        hosts.run_until(&server).expect("it stops");
        failures.check();
    });
}

/// Where a server leaves what stops it.
type Stop = Rc<RefCell<Option<StopToken>>>;

/// The main function of the server.
fn serves(
    world: &Rc<World>,
    failures: &Failures,
    stop: &Stop,
) -> impl FnOnce(Interface) -> Result<GracefulServer, Exception> + 'static + use<> {
    let (world, hook, left) = (Rc::clone(world), failures.hook(), Rc::clone(stop));
    move |interface| {
        let (listener, room) = (interface.listen(PORT)?, Room::default());
        let serving = GracefulServer::new(listener, move |stream: NetworkStream, stop| {
            world.members.set(world.members.get() + 1);
            let world = Rc::clone(&world);
            // A member that takes no line for too long is cut off.
            Ok(Member::new(stream, room.clone(), stop).catch(move |raised| {
                world.losses.set(world.losses.get() + 1);
                if raised.kind() == Kind::TimeoutError { Ok(()) } else { Err(raised) }
            }))
        });
        left.replace(Some(serving.stop_token()));
        Ok(serving.on_failure(hook))
    }
}

/// Says its lines once all have joined, and listens until it has heard those of all others.
struct Talker {
    name: &'static str,
    world: Rc<World>,
    stream: Option<NetworkStream>,
    incoming: Buffer,
    outgoing: Buffer,
    said: u32,
    heard: BTreeMap<String, u32>,
    pause: Racing<Sleep>,
    race: Race,
    silence: Limit,
}

machine!(
    impl Machine for Talker {
        type State = Phase;

        fn Connecting(&mut self, sent: Sent, connecting: &mut NetworkConnect) -> Next<Talking> {
            self.stream = Some(yield_from!(connecting, sent)?);
            to(Talking)
        }

        fn Talking(&mut self, sent: Sent) -> Next<End> {
            let (write, pause) = (!self.outgoing.is_empty(), self.said < LINES);
            let stream = self.stream.as_ref().expect("it is connected");
            let write = write.then(|| stream.write_all(&mut self.outgoing));
            let pause = pause.then_some(&mut self.pause);
            let all = self.race.run((stream.read(&mut self.incoming), write, pause));
            match yield_from!(self.silence.run(all), sent)? {
                Won::A(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Won::A(_) => self.hear(),
                Won::B(()) => {}
                Won::C(()) => self.say(),
            }
            let has_heard_all = self.heard.len() == NAMES.len() - 2 && self.heard.values().all(|last| *last == LINES);
            if has_heard_all && self.said == LINES && self.outgoing.is_empty() { end(()) } else { stay() }
        }

        /// Its connection was lost, or nothing comes any more since that of another was.
        fn raised(&mut self, raised: Exception) -> Next<End> {
            match raised.kind() {
                Kind::TimeoutError => assert!(self.world.losses.get() > 0, "{} has heard {:?}", self.name, self.heard),
                _ if raised.downcast_ref::<io::Error>().is_some() => self.world.losses.set(self.world.losses.get() + 1),
                _ => return Err(raised),
            }
            end(())
        }
    }
);

impl Talker {
    fn start_in(interface: Interface, name: &'static str, world: Rc<World>) -> Running<Self> {
        let (incoming, outgoing, heard) = (Buffer::new(), Buffer::new(), BTreeMap::new());
        let (pause, race, silence) = (Racing::new(sleep(PAUSE)), Race::new(), Limit::new(SILENCE));
        let connecting = interface.connect("server", PORT);
        Self { name, world, stream: None, incoming, outgoing, said: 0, heard, pause, race, silence }
            .start(Phase::Connecting(connecting))
    }

    fn say(&mut self) {
        // Whoever is not there yet would miss it.
        if self.world.members.get() == NAMES.len() - 1 || self.world.losses.get() > 0 {
            self.said += 1;
            let line = format!("{} {}\n", self.name, self.said);
            io::Write::write_all(&mut self.outgoing, line.as_bytes()).expect("there is room");
        }
        self.pause.restart(sleep(PAUSE));
    }

    fn hear(&mut self) {
        while let Some(end) = self.incoming.bytes().iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.incoming.bytes()[..end]).into_owned();
            self.incoming.consume(end + 1);
            let (name, number) = line.split_once(' ').expect("it is a whole line");
            let number: u32 = number.parse().expect("it is a number");
            let last = self.heard.insert(name.into(), number).unwrap_or(0);
            assert_ne!(name, self.name, "a member does not hear itself");
            assert!(number > last, "{name} {number} comes after {last}");
            assert!(number == last + 1 || self.world.losses.get() > 0, "{name} {number} comes after {last}");
        }
    }
}

const PAUSE: Duration = Duration::from_millis(100);
