//! A server in virtual time, and clients that are connected to it in memory.

use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{MemoryPair, MemoryStream, virtual_loop};
use innermost::{Await, ByteRead, ByteWrite, EventLoop, Exception, Step, Task, from_fn, sleep};

use super::connection::Connection;
use super::server::{Server, Settings};
use super::sweeper::Sweeper;

pub(crate) struct World {
    event_loop: EventLoop,
    pub(crate) server: Rc<Server>,
    sweeper: Task<()>,
}

/// A client. Dropping it closes its end.
pub(crate) struct Client<'w> {
    world: &'w World,
    stream: Rc<MemoryStream>,
    pub(crate) task: Task<()>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let event_loop = virtual_loop().expect("there are descriptors");
        let server = Server::new(settings);
        let sweeper = event_loop.create_task(Sweeper::new(&server)).expect("it is open");
        Self { event_loop, server, sweeper }
    }

    pub(crate) fn client(&self) -> Client<'_> {
        self.client_over(MemoryPair::new())
    }

    pub(crate) fn client_over(&self, pair: MemoryPair) -> Client<'_> {
        let (near, far) = pair.build();
        let task = self.event_loop.create_task(Connection::new(near, &self.server, None)).expect("it is open");
        let client = Client { world: self, stream: Rc::new(far), task };
        self.settle();
        client
    }

    /// Lets the time pass, and all that happens meanwhile.
    pub(crate) fn pass(&self, time: Duration) {
        self.event_loop.run_until_complete(sleep(time)).expect("nothing fails");
    }

    pub(crate) fn seconds(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// Runs everything that can run now: virtual time passes only when nothing else is to be done.
    pub(crate) fn settle(&self) {
        self.pass(Duration::from_nanos(1));
    }

    pub(crate) fn time(&self) -> Duration {
        self.event_loop.time().since_zero()
    }
}

pub(crate) type Act = Box<dyn FnOnce()>;

impl World {
    /// Does several things in one step, so that all connections see them in the same turn.
    pub(crate) fn at_once(&self, acts: impl IntoIterator<Item = Act>) {
        let mut acts: Vec<Act> = acts.into_iter().collect();
        let acting = from_fn(move |sent: Result<(), Exception>| {
            sent?;
            acts.drain(..).for_each(|act| act());
            Ok(Step::<Await, (), ()>::Return(()))
        });
        self.event_loop.run_until_complete(acting).expect("it does not fail");
        self.settle();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for task in self.event_loop.all_tasks() {
            // The first one asks a connection for an orderly end.
            task.cancel();
            self.settle();
            task.cancel();
        }
        self.settle();
        assert!(self.sweeper.done());
    }
}

impl Client<'_> {
    /// Something that this client will do at once with others.
    pub(crate) fn will(&self, act: impl FnOnce(&MemoryStream, &Task<()>) + 'static) -> Act {
        let (stream, task) = (Rc::clone(&self.stream), self.task.clone());
        Box::new(move || act(&stream, &task))
    }

    pub(crate) fn will_push(&self, bytes: &'static [u8]) -> Act {
        self.will(move |stream, _| assert!(matches!(stream.attempt_send(bytes), Ok(Step::Return(_)))))
    }

    pub(crate) fn will_end(&self) -> Act {
        self.will(|stream, _| drop(stream.attempt_write_eof()))
    }

    pub(crate) fn will_reset(&self) -> Act {
        self.will(|stream, _| stream.reset())
    }

    /// Something that the program does when it is stopped.
    pub(crate) fn will_stop(&self) -> Act {
        self.will(|_, task| assert!(task.cancel()))
    }

    /// Does something with the client's end in the loop.
    fn with_stream<R: 'static>(&self, run: impl FnOnce(&MemoryStream) -> R + 'static) -> R {
        let (stream, mut run) = (Rc::clone(&self.stream), Some(run));
        let acting = from_fn(move |sent: Result<(), Exception>| {
            sent?;
            let run = run.take().expect("it is resumed once");
            Ok(Step::<Await, (), _>::Return(run(&stream)))
        });
        self.world.event_loop.run_until_complete(acting).expect("it does not fail")
    }

    /// Sends bytes, as many as the server takes. Returns how many.
    pub(crate) fn push(&self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            let piece: Vec<u8> = bytes[sent..].iter().copied().take(1 << 16).collect();
            match self.with_stream(move |stream| stream.attempt_send(&piece)) {
                Ok(Step::Return(count @ 1..)) => sent += count,
                _ => break,
            }
            self.world.settle();
        }
        sent
    }

    /// Sends a line.
    pub(crate) fn say(&self, line: &str) {
        let bytes = format!("{line}\r\n").into_bytes();
        assert_eq!(self.push(&bytes), bytes.len(), "the server does not read");
    }

    /// Some of what has come.
    pub(crate) fn hear_piece(&self) -> Vec<u8> {
        self.world.settle();
        let received = self.with_stream(|stream| {
            let mut room = vec![0; 1 << 16];
            let attempt = stream.attempt_recv(&mut room);
            attempt.map(|step| if let Step::Return(count) = step { room[..count].to_vec() } else { vec![] })
        });
        received.unwrap_or_default()
    }

    /// Everything that has come, once nothing can happen any more.
    pub(crate) fn hear_bytes(&self) -> Vec<u8> {
        let mut heard = Vec::new();
        loop {
            let piece = self.hear_piece();
            if piece.is_empty() {
                return heard;
            }
            heard.extend_from_slice(&piece);
        }
    }

    /// What has come, in short: lines instead of `\r\n`, separated by blanks.
    pub(crate) fn hear(&self) -> String {
        String::from_utf8_lossy(&self.hear_bytes()).trim_end().replace("\r\n", " ")
    }

    /// Sends a line, and returns the answer.
    pub(crate) fn ask(&self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    /// Asks several lines at once.
    pub(crate) fn ask_all(&self, lines: &[&str]) -> String {
        let bytes: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
        assert_eq!(self.push(&bytes), bytes.len(), "the server does not read");
        self.hear()
    }

    /// Ends its half.
    pub(crate) fn end(&self) {
        self.with_stream(|stream| drop(stream.attempt_write_eof()));
        self.world.settle();
    }

    pub(crate) fn reset(&self) {
        self.with_stream(MemoryStream::reset);
        self.world.settle();
    }

    /// Whether the server has ended its half, and everything before that was heard.
    pub(crate) fn is_closed(&self) -> bool {
        self.world.settle();
        self.with_stream(|stream| !matches!(stream.attempt_recv(&mut [0]), Ok(Step::Yield(_))))
    }

    /// Asks the connection for an orderly end, as the program does when it is stopped.
    pub(crate) fn stop(&self) {
        self.task.cancel();
        self.world.settle();
    }
}
