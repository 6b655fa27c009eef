//! Children that end, are killed, or cannot be started leave no descriptor and no memory.

use innermost::process::{ChildPipe, Command, Stdio, SubprocessProtocol, SubprocessTransport, shell};
use innermost::{EventLoop, Exception, Future, Step, from_fn, lazy, ready, sleep, yield_from};
use std::time::Duration;

use crate::held::{alone, new_loop};

struct Recorder {
    bytes: usize,
    over: Future<usize>,
}

impl SubprocessProtocol for Recorder {
    fn pipe_data_received(&mut self, _: &SubprocessTransport, _: ChildPipe, data: &[u8]) {
        self.bytes += data.len();
    }

    fn connection_lost(&mut self, _: &SubprocessTransport, _: Option<Exception>) {
        self.over.set_result(self.bytes).expect("this is called once");
    }
}

/// Runs a child with a recorder, after `first` was done with its transport.
fn record(event_loop: &EventLoop, line: &str, first: impl FnOnce(&SubprocessTransport)) -> usize {
    let over = event_loop.create_future();
    let recorder = Recorder { bytes: 0, over: over.clone() };
    let transport = event_loop.run_until_complete(event_loop.subprocess_shell(move || recorder, line)).unwrap();
    first(&transport);
    event_loop.run_until_complete(over).unwrap()
}

#[test]
fn children_leave_nothing() {
    alone().leaves_nothing(|| {
        let (event_loop, _) = new_loop();
        // To their end.
        let output = event_loop.run_until_complete(shell("echo output; echo errors >&2").output()).unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (7, 7));
        assert_eq!(record(&event_loop, "echo output; echo errors >&2", |_| ()), 14);
        // Killed.
        let line = "exec sleep 1000";
        assert_eq!(record(&event_loop, line, SubprocessTransport::close), 0);
        assert_eq!(record(&event_loop, line, |transport| transport.kill().unwrap()), 0);
        // Dropped. The loop reaps it before it is closed, or a thread would.
        let start = || ready(Command::new("sleep").arg("1000").stdin(Stdio::Pipe).kill_on_drop(true).spawn());
        let process = event_loop.run_until_complete(lazy(start)).unwrap().unwrap();
        let handle = process.handle();
        drop(process);
        let waits = from_fn(move |mut sent| yield_from!(handle.wait(), sent).map(Step::Return));
        assert!(!event_loop.run_until_complete(waits).unwrap().success());
        // Not started.
        let start = || ready(Command::new("no-such-program").stdout(Stdio::Pipe).spawn().map(drop));
        event_loop.run_until_complete(lazy(start)).unwrap().unwrap_err();
        // Cancelled. That waits for the end of the child.
        let over = event_loop.create_future();
        let recorder = Recorder { bytes: 0, over };
        let task = event_loop.create_task(event_loop.subprocess_shell(move || recorder, line)).unwrap();
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
        task.cancel();
        event_loop.run_until_complete(task).unwrap_err();
    });
}
