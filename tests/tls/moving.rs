//! Bytes cross whole, whatever moves at a time.

use std::cell::Cell;
use std::fs::File;
use std::io::{Cursor, IoSlice};
use std::rc::Rc;

use innermost::net::FilePart;
use innermost::testing::{MemoryPair, memory_pair};
use innermost::tls::rustls::version::{TLS12, TLS13};
use innermost::tls::{TlsAcceptor, TlsConnector};
use innermost::{Buffer, ByteRead, ByteWrite, Exception, Kind, Step, from_fn, yield_from};

use crate::identities::{client_of, file, server_of};
use crate::machines::{bytes, connected, exchange, hear, hear_exactly, say, say_and_end, secure, together};

#[test]
fn bytes_cross_both_ways_however_few_move_at_a_time() {
    let sent = bytes(100_000);
    for seed in 0..30 {
        let pair = MemoryPair::new().capacity(4000).random_moves(seed).build();
        let (event_loop, client, server) = connected(pair);
        assert_eq!(exchange(&event_loop, &client, &server, &sent), [&*sent, &*sent], "seed {seed}");
    }
}

#[test]
fn bytes_cross_one_at_a_time_in_either_version() {
    for version in [&TLS12, &TLS13] {
        let event_loop = innermost::testing::virtual_loop().unwrap();
        let pair = MemoryPair::new().moves(|_| 1).build();
        let both = (TlsAcceptor::new(server_of(version)), TlsConnector::new(client_of(version)));
        let (client, server) = secure(&event_loop, pair, &both);
        let sent = bytes(2000);
        assert_eq!(exchange(&event_loop, &client, &server, &sent), [&*sent, &*sent]);
        assert_eq!(client.version(), version.version);
    }
}

#[test]
fn a_connection_that_is_split_at_any_byte_goes_on() {
    // The first piece ends there, in the middle of the handshake or of the data behind it. Together they are 3,500 bytes.
    for at in 1..3500 {
        let moved = Rc::new(Cell::new(0));
        let pair = MemoryPair::new().moves(move |possible| {
            let before = moved.get();
            let count = if before < at { possible.min(at - before) } else { possible };
            moved.set(before + count);
            count
        });
        let (event_loop, client, server) = connected(pair.build());
        let sent = bytes(500);
        assert_eq!(exchange(&event_loop, &client, &server, &sent), [&*sent, &*sent], "split at {at}");
    }
}

#[test]
fn a_reader_that_cannot_flush_goes_on_reading() {
    // The server's greeting does not fit, and the client reads nothing until it has written everything itself.
    let (event_loop, client, server) = connected(MemoryPair::new().capacity(1000).build());
    let (greeting, speech) = (bytes(40_000), bytes(200_000));
    let task = {
        let (server, greeting, mut has_greeted) = (Rc::clone(&server), greeting.clone(), false);
        let mut heard = hear_exactly(&server, speech.len());
        from_fn(move |mut sent: Result<(), Exception>| {
            if !has_greeted {
                // Sealed at once, and sent whenever there is room.
                let count = yield_from!(server.send(&greeting), sent)?;
                assert_eq!(count, greeting.len());
                has_greeted = true;
            }
            yield_from!(heard, sent).map(Step::Return)
        })
    };
    let client_task = {
        let (mut saying, mut hearing, mut has_said) =
            (say(&client, &speech), hear_exactly(&client, greeting.len()), false);
        from_fn(move |mut sent: Result<(), Exception>| {
            if !has_said {
                yield_from!(saying, sent)?;
                has_said = true;
            }
            yield_from!(hearing, sent).map(Step::Return)
        })
    };
    let (heard, greeted) = together(&event_loop, task, client_task);
    assert!(heard.unwrap() == speech);
    assert!(greeted.unwrap() == greeting);
}

#[test]
fn small_slices_are_sent_in_one_record() {
    let (event_loop, client, server) = connected(memory_pair());
    let sending = from_fn(move |mut sent| {
        let slices = [IoSlice::new(b"head, "), IoSlice::new(b""), IoSlice::new(b"body")];
        yield_from!(client.send_vectored(&slices), sent).map(Step::Return)
    });
    assert_eq!(event_loop.run_until_complete(sending).unwrap(), 10);
    let mut heard = Buffer::new();
    let hearing = from_fn(move |mut sent| {
        yield_from!(server.read(&mut heard), sent)?;
        Ok(Step::Return(heard.bytes().to_vec()))
    });
    assert_eq!(event_loop.run_until_complete(hearing).unwrap(), b"head, body");
}

#[test]
fn a_record_is_read_in_as_many_pieces_as_the_reader_likes() {
    let (event_loop, client, server) = connected(memory_pair());
    let sent = bytes(1000);
    event_loop.run_until_complete(say(&client, &sent)).unwrap();
    let mut pieces = Vec::new();
    for size in [1, 9, 90, 900] {
        let (server, mut piece) = (Rc::clone(&server), Cursor::new(vec![0; size]));
        let reading = from_fn(move |mut sent: Result<(), Exception>| {
            yield_from!(server.read_exact(&mut piece), sent)?;
            Ok(Step::Return(piece.get_ref().clone()))
        });
        pieces.extend(event_loop.run_until_complete(reading).unwrap());
    }
    assert_eq!(pieces, sent);
    // Nothing is read into no room, and that is not the end.
    let nothing = from_fn(move |mut sent| yield_from!(server.recv(&mut []), sent).map(Step::Return));
    assert_eq!(event_loop.run_until_complete(nothing).unwrap(), 0);
}

#[test]
fn bytes_that_come_with_the_handshake_are_read_while_others_are_written() {
    // The server finds unread plaintext when it seals.
    let (event_loop, client, server) = connected(memory_pair());
    event_loop.run_until_complete(say_and_end(&client, &bytes(50_000))).unwrap();
    let mut byte = [0];
    let one = {
        let server = Rc::clone(&server);
        from_fn(move |mut sent| {
            yield_from!(server.recv(&mut byte), sent)?;
            Ok(Step::Return(byte[0]))
        })
    };
    let mut heard = vec![event_loop.run_until_complete(one).unwrap()];
    event_loop.run_until_complete(say_and_end(&server, b"later")).unwrap();
    heard.extend(event_loop.run_until_complete(hear(&server)).unwrap());
    assert!(heard == bytes(50_000));
    assert_eq!(event_loop.run_until_complete(hear(&client)).unwrap(), b"later");
}

#[test]
fn a_file_is_read_and_sealed() {
    let (event_loop, client, server) = connected(memory_pair());
    let path = file("authority.pem");
    let mut part = FilePart::new(File::open(&path).unwrap());
    let sending = from_fn(move |mut sent: Result<(), Exception>| {
        yield_from!(client.send_file(&mut part), sent)?;
        yield_from!(client.write_eof(), sent).map(Step::Return)
    });
    let (sent, heard) = together(&event_loop, sending, hear(&server));
    sent.unwrap();
    assert_eq!(heard.unwrap(), std::fs::read(path).unwrap());
}

#[test]
fn one_task_reads_at_a_time_and_one_writes() {
    let (event_loop, client, server) = connected(MemoryPair::new().capacity(100).build());
    let reading = event_loop.create_task(hear(&client)).unwrap();
    // The server's session tickets come in small pieces, each of which wakes the reader.
    for _ in 0..100 {
        event_loop.run_once().unwrap();
    }
    let writing = event_loop.create_task(say(&client, &bytes(10_000))).unwrap();
    event_loop.run_once().unwrap();
    let refused = event_loop.run_until_complete(hear(&client)).unwrap_err();
    assert_eq!(refused.kind(), Kind::RuntimeError);
    let refused = event_loop.run_until_complete(say(&client, b"more")).unwrap_err();
    assert_eq!(refused.kind(), Kind::RuntimeError);
    // The first ones go on.
    assert!(event_loop.run_until_complete(hear_exactly(&server, 10_000)).unwrap() == bytes(10_000));
    event_loop.run_until_complete(writing).unwrap();
    event_loop.run_until_complete(say_and_end(&server, b"answer")).unwrap();
    assert_eq!(event_loop.run_until_complete(reading.join()).unwrap(), b"answer");
}

#[test]
fn a_cancelled_write_keeps_what_was_not_sealed_and_sends_the_rest() {
    let (event_loop, client, server) = connected(MemoryPair::new().capacity(100).build());
    let whole = bytes(200_000);
    let left = Rc::new(std::cell::RefCell::new(Buffer::from(whole.clone())));
    let writing = {
        let (client, left) = (Rc::clone(&client), Rc::clone(&left));
        from_fn(move |mut sent| yield_from!(client.write_all(&mut *left.borrow_mut()), sent).map(Step::Return))
    };
    let writing = event_loop.create_task(writing).unwrap();
    event_loop.run_once().unwrap();
    assert!(writing.cancel());
    assert!(event_loop.run_until_complete(writing).unwrap_err().is_cancelled());
    let rest = left.borrow().bytes().to_vec();
    assert!(!rest.is_empty() && rest.len() < whole.len());
    let (said, heard) = together(&event_loop, say_and_end(&client, &rest), hear(&server));
    said.unwrap();
    assert!(heard.unwrap() == whole);
}

#[test]
fn what_was_sealed_is_sent_while_no_task_waits() {
    let (event_loop, client, server) = connected(MemoryPair::new().capacity(100).build());
    let sending = {
        let client = Rc::clone(&client);
        from_fn(move |mut sent| yield_from!(client.send(&[7; 5000]), sent).map(Step::Return))
    };
    assert_eq!(event_loop.run_until_complete(sending).unwrap(), 5000);
    // Nobody uses the client's end any more.
    assert_eq!(event_loop.run_until_complete(hear_exactly(&server, 5000)).unwrap(), [7; 5000]);
}

#[test]
fn a_stream_is_driven_by_hand() {
    let (event_loop, client, server) = connected(memory_pair());
    drop(event_loop);
    assert!(matches!(client.attempt_send(b"by hand"), Ok(Step::Return(7))));
    let mut heard = Buffer::new();
    assert!(matches!(server.attempt_read(&mut heard), Ok(Step::Return(7))));
    assert_eq!(heard.bytes(), b"by hand");
}
