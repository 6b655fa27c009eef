//! Pipes to programs written by others.

use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use innermost::CoroutineExt;
use innermost::net::{PipeReader, PipeWriter};

use crate::real_clients::programs::{Collector, MIB, assert_same, bytes, exchange, new_loop};
use crate::support::tools::needs;

fn piped(program: &str) -> (Child, OwnedFd, OwnedFd) {
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("every system has it");
    let stdin = child.stdin.take().expect("it is piped");
    let stdout = child.stdout.take().expect("it is piped");
    (child, stdin.into(), stdout.into())
}

#[test]
fn megabytes_go_through_cat_and_come_back() {
    needs!("cat");
    let event_loop = new_loop();
    let (mut cat, stdin, stdout) = piped("cat");
    let writer = PipeWriter::try_from(stdin).expect("it is a pipe");
    let reader = PipeReader::try_from(stdout).expect("it is a pipe");
    let sent = bytes(5 * MIB);
    assert_same(&exchange(&event_loop, reader, writer, &sent), &sent);
    assert!(cat.wait().expect("it is our child").success());
}

#[test]
fn transports_feed_sort_and_read_its_output() {
    needs!("sort");
    let event_loop = new_loop();
    let (mut sort, stdin, stdout) = piped("sort");
    let (fed, done) = (event_loop.create_future(), event_loop.create_future());
    let (feeding, reading) = (Collector::new(b"c\na\nb\n", &fed), Collector::reading(&done));
    event_loop
        .run_until_complete(event_loop.connect_write_pipe(move || feeding, stdin).unwrap())
        .expect("it is a pipe");
    let reading = event_loop.connect_read_pipe(move || reading, stdout);
    let came = event_loop.run_until_complete(reading.unwrap().then(move |_| done)).expect("nothing fails");
    assert_eq!(came, b"a\nb\nc\n");
    assert!(sort.wait().expect("it is our child").success());
}
