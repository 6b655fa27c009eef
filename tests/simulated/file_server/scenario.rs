//! Three clients ask for files and for parts of files.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use innermost::Exception;
use innermost::server::{GracefulServer, StopToken};
use innermost::testing::{Crash, Host, Hosts, Interface};

use super::super::client::{Client, Script};
use super::super::for_seeds;
use super::super::weather::{Dice, Failures, hosts};
use super::connection::Connection;

const PORT: u16 = 80;

/// How many requests a client makes.
const ROUNDS: u32 = 6;

/// The lengths of the files, which are their names too.
const LENGTHS: [usize; 4] = [0, 1, 700, 9000];

#[test]
fn files_arrive_whole_although_the_server_crashes() {
    let root = Site::new();
    for_seeds(500, |seed| {
        let mut dice = Dice::new(seed);
        let names = ["server", "a", "b", "c"];
        let hosts = hosts(&mut dice, seed, &names);
        let (failures, losses, stop) = (Failures::default(), Rc::default(), Stop::default());
        let server = hosts.host("server", serves(&root.0, &failures, &stop)).expect("the name is new");
        failures.watch(&server);
        let has_crashed = dice.once_in(3);
        if has_crashed {
            crash(&hosts, &mut dice, &server, serves(&root.0, &failures, &stop));
        }
        let mut clients = Vec::new();
        for name in &names[1..] {
            let (script, losses) = (Reader { seed, round: 0, expected: Vec::new() }, Rc::clone(&losses));
            let main = move |interface| Ok(Client::new(interface, PORT, script, &losses));
            clients.push(hosts.host(name, main).expect("the name is new"));
        }
        for client in &clients {
            hosts.run_until(client).expect("nobody is starved");
        }
        if has_crashed {
            // Perhaps that is still to come.
            hosts.run_for(Duration::from_secs(101)).expect("nothing fails");
        }
        stop.borrow().as_ref().expect("it has started").stop();
        hosts.run_until(&server).expect("it stops");
        failures.check();
        assert!(losses.get() < 1000, "connections are lost by faults alone");
    });
}

/// Where a server leaves what stops it.
type Stop = Rc<RefCell<Option<StopToken>>>;

/// The main function of the server.
fn serves(
    root: &Path,
    failures: &Failures,
    stop: &Stop,
) -> impl FnOnce(Interface) -> Result<GracefulServer, Exception> + 'static + use<> {
    let (root, hook, left): (Arc<Path>, _, _) = (root.into(), failures.hook(), Rc::clone(stop));
    move |interface| {
        let listener = interface.listen(PORT)?;
        let serving =
            GracefulServer::new(listener, move |stream, stop| Ok(Connection::new(stream, Arc::clone(&root), stop)));
        left.replace(Some(serving.stop_token()));
        Ok(serving.on_failure(hook))
    }
}

fn crash(
    hosts: &Hosts,
    dice: &mut Dice,
    server: &Host,
    again: impl FnOnce(Interface) -> Result<GracefulServer, Exception> + 'static,
) {
    let crash = if dice.once_in(2) { Crash::Resets } else { Crash::Silent };
    let (start, time) = (Duration::from_millis(dice.below(300)), Duration::from_millis(dice.below(100_000)));
    let (crashing, restarting) = (server.clone(), server.clone());
    hosts.call_later(start, move || crashing.crash(crash)).expect("it is open");
    hosts
        .call_later(start + time, move || restarting.restart(again).expect("a descriptor is free"))
        .expect("it is open");
}

/// Asks for files, and compares them.
struct Reader {
    seed: u64,
    round: u32,
    /// What the current answer must bring.
    expected: Vec<u8>,
}

impl Script for Reader {
    fn request(&mut self) -> Option<Vec<u8>> {
        if self.round == ROUNDS {
            return None;
        }
        self.round += 1;
        let mut dice = Dice::new(self.seed.wrapping_mul(31).wrapping_add(u64::from(self.round)));
        let length = LENGTHS[dice.below(LENGTHS.len() as u64) as usize];
        self.expected = content(length);
        let mut range = String::new();
        if length > 1 && dice.once_in(2) {
            let start = dice.below(length as u64) as usize;
            let end = start + dice.below((length - start) as u64) as usize;
            self.expected = self.expected[start..=end].to_vec();
            range = format!("Range: bytes={start}-{end}\r\n");
        }
        Some(format!("GET /{length} HTTP/1.1\r\nHost: server\r\n{range}\r\n").into_bytes())
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<usize> {
        let body = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..body]).expect("it is text");
        if head.starts_with("HTTP/1.1 408 ") {
            // The network was too slow for the server's patience. It closes the connection.
            return None;
        }
        assert!(head.starts_with("HTTP/1.1 200 ") || head.starts_with("HTTP/1.1 206 "), "{head}");
        let field = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("the length is given");
        assert_eq!(field.parse(), Ok(self.expected.len()), "{head}");
        let end = body + self.expected.len();
        let content = bytes.get(body..end)?;
        assert!(content == self.expected, "the content is another one");
        Some(end)
    }

    fn lost(&mut self) {
        // The same file again.
        self.round = self.round.saturating_sub(1);
    }
}

fn content(length: usize) -> Vec<u8> {
    let mut dice = Dice::new(length as u64);
    (0..length).map(|_| dice.below(256) as u8).collect()
}

/// A directory with the files. Dropping it removes them.
struct Site(PathBuf);

impl Site {
    fn new() -> Self {
        let root = std::env::temp_dir().join(format!("innermost-simulated-{}", std::process::id()));
        fs::create_dir_all(&root).expect("there is room");
        for length in LENGTHS {
            fs::write(root.join(length.to_string()), content(length)).expect("there is room");
        }
        Self(root.canonicalize().expect("it is there"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
