//! The room in its own process, and members in the test's.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use socket2::SockRef;

use crate::support::process::{DEADLINE, Process, example};

pub(crate) const WELCOME: &str = "* welcome: what is your name?";

/// A room that is open.
pub(crate) struct Room {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Room {
    pub(crate) fn open() -> Self {
        Self::with(&[])
    }

    /// Starts a room with more arguments than an address.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::of(Command::new(example("chat_room")).arg("127.0.0.1:0").args(arguments))
    }

    /// Starts a room with a limit on its open descriptors.
    pub(crate) fn with_descriptors(limit: usize) -> Self {
        let script = format!("ulimit -n {limit} && exec \"$0\" 127.0.0.1:0");
        Self::of(Command::new("/bin/sh").args(["-c", &script]).arg(example("chat_room")))
    }

    fn of(command: &mut Command) -> Self {
        let process = Process::spawn(command).expect("it can be started");
        Self { address: process.listening(), process }
    }

    /// A connection that has not sent anything yet.
    pub(crate) fn visitor(&self) -> Member {
        let stream = TcpStream::connect_timeout(&self.address, DEADLINE).expect("the room is open");
        let mut member = Member::on(stream);
        member.expect(WELCOME);
        member
    }

    /// A member with a name.
    pub(crate) fn member(&self, name: &str) -> Member {
        let mut member = self.visitor();
        member.say(name);
        member.expect(&format!("* you are {name}; /who tells who is here, /quit ends this"));
        member
    }

    /// Stops it, when all have left. It must have had nothing to say.
    pub(crate) fn close(self) {
        self.process.signal("TERM");
        self.expect_success();
    }

    /// Waits for the end of the process, which must succeed.
    pub(crate) fn expect_success(self) {
        let (status, output, errors) = self.process.finish();
        let errors = errors.into_iter().take(5).collect();
        assert_eq!((status.code(), output, errors), (Some(0), vec![], Vec::<String>::new()));
    }
}

/// A client of the room. No operation takes longer than [`DEADLINE`].
pub(crate) struct Member(BufReader<TcpStream>);

impl Member {
    pub(crate) fn on(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
        stream.set_write_timeout(Some(DEADLINE)).expect("it is not zero");
        stream.set_nodelay(true).expect("it is a connection");
        Self(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    /// Sends a line.
    pub(crate) fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes());
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("the room takes what it is sent");
    }

    /// The next line; `None` at the end.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the room has something to say");
        line.strip_suffix('\n').map(str::to_owned)
    }

    /// The next line must be this one.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().as_deref(), Some(line));
    }

    /// There must be no more.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.hear(), None);
    }

    /// Leaves without a word: the connection is reset.
    pub(crate) fn reset(self) {
        SockRef::from(self.stream()).set_linger(Some(Duration::ZERO)).expect("it is a connection");
    }
}
