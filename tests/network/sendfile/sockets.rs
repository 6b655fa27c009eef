//! Sending over sockets: what arrives, and the state of a send that does not finish.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::net;
use std::rc::Rc;
use std::time::Duration;

use innermost::net::FilePart;
use innermost::{TcpStream, sleep};
use socket2::SockRef;

use crate::sendfile::files::{
    CHUNK, KIB, MIB, Sender, file_of, io_error, new_loop, pair, pattern, read_now, reading, run_until, send,
};

/// More than a socket takes.
const MUCH: usize = 4 * MIB;

fn tcp_pair() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let far = net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("somebody listens");
    (TcpStream::from_std(listener.accept().expect("somebody has connected").0).expect("it is a socket"), far)
}

#[test]
fn files_of_all_lengths_around_chunks_arrive_whole() {
    let event_loop = new_loop();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 64 * KIB, 2 * CHUNK, 10 * CHUNK + 17] {
        let content = pattern(length);
        let file = file_of(&content);
        let (near, far) = tcp_pair();
        let received = reading(far);
        let (part, sent) = send(&event_loop, near, FilePart::new(Rc::clone(&file)));
        assert_eq!((sent.expect("it is read"), part.sent()), (length as u64, length as u64));
        assert!(received.join().expect("it does not panic") == content, "{length} bytes");
        assert_eq!((&*file).stream_position().expect("it is a file"), length as u64, "where writing has left it");
    }
}

#[test]
fn parts_beyond_the_end_of_the_file_are_truncated() {
    let event_loop = new_loop();
    let file = file_of(b"0123456789");
    let cases = [
        (0, Some(0), ""),
        (10, None, ""),
        (11, Some(5), ""),
        (u64::MAX, None, ""),
        (i64::MAX as u64, Some(u64::MAX), ""),
        (i64::MAX as u64 - 1, None, ""),
        (8, Some(u64::MAX), "89"),
        (3, Some(4), "3456"),
        (7, None, "789"),
    ];
    for (offset, count, expected) in cases {
        // Beyond the size of the largest file, the kernel's own answer is useless.
        for fallback in [true, offset > 100] {
            let mut part = FilePart::new(Rc::clone(&file)).offset(offset);
            if !fallback {
                part = part.without_fallback();
            }
            if let Some(count) = count {
                part = part.count(count);
            }
            let (near, mut far) = pair();
            let (_, sent) = send(&event_loop, near, part);
            let mut received = String::new();
            far.read_to_string(&mut received).expect("it ends well");
            assert_eq!(
                (sent.expect("it is read"), &*received),
                (expected.len() as u64, expected),
                "{offset}, {count:?}"
            );
        }
    }
}

#[test]
fn a_large_file_arrives_whole_and_no_turn_sends_more_than_its_share() {
    let event_loop = new_loop();
    let content = pattern(64 * MIB);
    let (near, far) = pair();
    let (sender, seen) = Sender::watched(near, FilePart::new(file_of(&content)));
    let received = reading(far);
    let task = event_loop.create_task(sender).expect("it is open");
    assert_eq!(event_loop.run_until_complete(task).expect("it is read"), content.len() as u64);
    assert!(received.join().expect("it does not panic") == content);
    assert!(seen.most.get() <= 32 * CHUNK as u64, "{} bytes in a turn", seen.most.get());
}

// A slow reader takes no memory: unread bytes stay in the file and in the socket.
#[test]
fn sendfile_waits_for_a_slow_reader() {
    let event_loop = new_loop();
    let content = pattern(MUCH);
    let (near, mut far) = pair();
    let room = SockRef::from(&near).send_buffer_size().expect("it is a socket") as u64;
    let (sender, seen) = Sender::watched(near, FilePart::new(file_of(&content)));
    let task = event_loop.create_task(sender).expect("it is open");
    let mut received = Vec::new();
    while received.len() < MUCH {
        run_until(&event_loop, || seen.is_blocked.get() || task.done());
        let ahead = seen.sent.get() - received.len() as u64;
        assert!(ahead <= 2 * room, "{ahead} bytes ahead of a peer whose socket holds {room}");
        seen.is_blocked.set(false);
        received.extend(read_now(&mut far, MIB));
    }
    assert!(received == content);
    assert_eq!(event_loop.run_until_complete(task).expect("all was read"), MUCH as u64);
}

// X19
#[test]
fn a_reset_half_way_raises_and_reports_the_progress() {
    let event_loop = new_loop();
    event_loop.set_exception_handler(|_| ());
    let (near, mut far) = tcp_pair();
    let (sender, seen) = Sender::watched(near, FilePart::new(file_of(&pattern(8 * MUCH))));
    let task = event_loop.create_task(sender).expect("it is open");
    run_until(&event_loop, || seen.is_blocked.get());
    far.read_exact(&mut [0; 1000]).expect("it was sent");
    SockRef::from(&far).set_linger(Some(Duration::ZERO)).expect("it is a connection");
    drop(far);
    let raised = event_loop.run_until_complete(task).unwrap_err();
    let kind = io_error(&raised).kind();
    assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{raised:?}");
    assert!(raised.notes().next().unwrap().starts_with("send_file: fd "), "{raised:?}");
    assert!((1000..8 * MUCH as u64).contains(&seen.sent.get()));
}

#[test]
fn a_closed_peer_raises() {
    let event_loop = new_loop();
    let (near, far) = pair();
    drop(far);
    let (part, sent) = send(&event_loop, near, FilePart::new(file_of(b"abc")));
    assert_eq!((io_error(&sent.unwrap_err()).kind(), part.sent()), (ErrorKind::BrokenPipe, 0));
}

#[test]
fn a_cancelled_sendfile_can_continue_from_its_progress() {
    let event_loop = new_loop();
    let content = pattern(MUCH);
    let (near, far) = pair();
    let near = Rc::new(near);
    let part = FilePart::new(file_of(&content)).offset(5);
    let (sender, seen) = Sender::watched(Rc::clone(&near), part.clone());
    let task = event_loop.create_task(sender).expect("it is open");
    run_until(&event_loop, || seen.is_blocked.get());
    assert!(task.cancel());
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    let count = seen.sent.get();
    assert!((1..MUCH as u64).contains(&count));
    assert_eq!(part.sent(), 0, "a clone is another part");
    let received = reading(far);
    let (_, sent) = send(&event_loop, near, part.offset(5 + count));
    assert_eq!(sent.expect("it is read"), MUCH as u64 - 5 - count);
    assert!(received.join().expect("it does not panic") == content[5..]);
}

#[test]
fn a_finished_part_stays_finished() {
    let event_loop = new_loop();
    let (near, mut far) = pair();
    let near = Rc::new(near);
    let (part, sent) = send(&event_loop, Rc::clone(&near), FilePart::new(file_of(b"abc")));
    assert_eq!((sent.expect("there is room"), format!("{part:?}")), (3, "FilePart(3 bytes sent, over)".to_owned()));
    let (_, sent) = send(&event_loop, Rc::clone(&near), part);
    assert_eq!((sent.expect("there is room"), read_now(&mut far, 10)), (3, b"abc".to_vec()));
}

#[test]
fn a_file_truncated_meanwhile_is_sent_to_its_new_end() {
    let event_loop = new_loop();
    let content = pattern(MUCH);
    let (near, far) = pair();
    let file = file_of(&content);
    let (sender, seen) = Sender::watched(near, FilePart::new(Rc::clone(&file)).count(MUCH as u64));
    let task = event_loop.create_task(sender).expect("it is open");
    run_until(&event_loop, || seen.is_blocked.get());
    let end = MUCH / 2 + 3;
    file.set_len(end as u64).expect("it may be written");
    let received = reading(far);
    assert_eq!(event_loop.run_until_complete(task).expect("it is read"), end as u64);
    assert!(received.join().expect("it does not panic") == content[..end]);
}

#[test]
fn others_run_while_a_file_is_sent() {
    let event_loop = new_loop();
    let (near, far) = pair();
    let (sender, seen) = Sender::watched(near, FilePart::new(file_of(&pattern(16 * MIB))));
    let task = event_loop.create_task(sender).expect("it is open");
    let received = reading(far);
    let mut turns = 0;
    while !task.done() {
        event_loop.run_until_complete(sleep(Duration::ZERO)).expect("it runs");
        turns += 1;
    }
    assert!(turns >= 4, "16 MiB were sent in {turns} turns");
    assert!(seen.most.get() <= 32 * CHUNK as u64);
    drop(received.join());
}

#[test]
fn an_unreadable_file_raises_and_no_byte_is_sent() {
    let event_loop = new_loop();
    let directory = File::open(env!("CARGO_TARGET_TMPDIR")).expect("it is there");
    let write_only = File::options().write(true).open("/dev/null").expect("it is there");
    let (reader, _writer) = std::os::unix::net::UnixStream::pair().expect("descriptors are free");
    let no_file = File::from(std::os::fd::OwnedFd::from(reader));
    for (file, expected) in [(directory, "EISDIR"), (write_only, "EBADF"), (no_file, "ESPIPE")] {
        let (near, mut far) = pair();
        let near = Rc::new(near);
        let (part, sent) = send(&event_loop, Rc::clone(&near), FilePart::new(file));
        let raised = sent.unwrap_err();
        let number = io_error(&raised).raw_os_error();
        let name = [("EISDIR", 21), ("EBADF", 9), ("ESPIPE", 29)].into_iter().find(|(_, known)| number == Some(*known));
        assert_eq!((name.map(|(name, _)| name), part.sent()), (Some(expected), 0), "{raised:?}");
        assert!(read_now(&mut far, 10).is_empty());
        // The connection is none the worse for it.
        let (_, sent) = send(&event_loop, near, FilePart::new(file_of(b"abc")));
        assert_eq!((sent.expect("there is room"), read_now(&mut far, 10)), (3, b"abc".to_vec()));
    }
}
