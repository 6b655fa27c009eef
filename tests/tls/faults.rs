//! Connections that break anywhere, and peers that mean no good.

use std::io::ErrorKind;
use std::rc::Rc;

use innermost::testing::{MemoryPair, memory_pair, virtual_loop};
use innermost::tls::rustls::version::{TLS12, TLS13};
use innermost::tls::{TlsAcceptor, TlsConnector};
use innermost::{Buffer, ByteRead, ByteWrite, CoroutineExt, Exception, Step, from_fn, yield_from};

use crate::identities::{both, client_of, server_of};
use crate::machines::{bytes, connected, hear, hear_exactly, say, say_and_end, together};
use crate::support::connections::io_kind;

/// Both ends of a connection that is reset after that many bytes. Returns whether both have done everything.
fn talk(both: &(TlsAcceptor, TlsConnector), at: usize) -> bool {
    let event_loop = virtual_loop().unwrap();
    let (near, far) = MemoryPair::new().capacity(500).reset_after(at).build();
    let client = both.1.connect("localhost", near).then(|stream| {
        let stream = Rc::new(stream);
        let mut hearing = hear(&stream);
        let mut saying = say_and_end(&stream, b"question");
        let mut has_said = false;
        from_fn(move |mut sent: Result<(), Exception>| {
            if !has_said {
                yield_from!(saying, sent)?;
                has_said = true;
            }
            yield_from!(hearing, sent).map(Step::Return)
        })
    });
    let server = both.0.accept(far).then(|stream| {
        let stream = Rc::new(stream);
        let (mut hearing, mut saying) = (hear(&stream), say_and_end(&stream, b"answer"));
        let mut heard = None;
        from_fn(move |mut sent: Result<(), Exception>| {
            if heard.is_none() {
                heard = Some(yield_from!(hearing, sent)?);
            }
            yield_from!(saying, sent)?;
            Ok(Step::Return(heard.take()))
        })
    });
    let (client, server) = together(&event_loop, client, server);
    // Whoever gets everything gets the right thing.
    assert!(client.as_ref().map_or(true, |heard| heard == b"answer"), "{client:?}");
    assert!(server.as_ref().map_or(true, |heard| heard.as_deref() == Some(b"question")), "{server:?}");
    client.is_ok() && server.is_ok()
}

#[test]
fn a_reset_at_any_byte_ends_both_machines() {
    for version in [&TLS12, &TLS13] {
        let both = (TlsAcceptor::new(server_of(version)), TlsConnector::new(client_of(version)));
        let whole = (0..10_000).find(|at| talk(&both, *at)).expect("they need fewer bytes");
        assert!(whole > 500, "{whole}");
    }
}

#[test]
fn a_stream_that_ends_at_any_byte_ends_the_handshake() {
    // What each end says, recorded.
    let (acceptor, connector) = both();
    let event_loop = virtual_loop().unwrap();
    let (near, far) = memory_pair();
    let connecting = event_loop.create_task(connector.connect("localhost", near)).unwrap();
    event_loop.run_once().unwrap();
    let mut hello = Buffer::new();
    far.attempt_read(&mut hello).unwrap();
    drop((far, connecting));
    let hello = hello.bytes().to_vec();
    for at in 0..hello.len() {
        let (near, far) = memory_pair();
        near.attempt_send(&hello[..at]).unwrap();
        drop(near);
        assert!(event_loop.run_until_complete(acceptor.accept(far)).is_err(), "cut at {at}");
    }
}

#[test]
fn a_changed_byte_is_noticed() {
    // Every byte of a record that holds data, one after the other. Type and version in front have no meaning in TLS 1.3.
    for at in 3..40 {
        let event_loop = virtual_loop().unwrap();
        let (acceptor, connector) = both();
        let (client_below, relay_near) = memory_pair();
        let (relay_far, server_below) = memory_pair();
        // A relay that lets everything pass until both ends are connected.
        let accepting = event_loop.create_task(acceptor.accept(server_below)).unwrap();
        let connecting = event_loop.create_task(connector.connect("localhost", client_below)).unwrap();
        let mut buffer = Buffer::new();
        for _ in 0..20 {
            event_loop.run_once().unwrap();
            for (from, to) in [(&relay_near, &relay_far), (&relay_far, &relay_near)] {
                if let Ok(Step::Return(1..)) = from.attempt_read(&mut buffer) {
                    to.attempt_send(buffer.bytes()).unwrap();
                    buffer.clear();
                }
            }
        }
        let client = Rc::new(event_loop.run_until_complete(connecting.join()).unwrap());
        let server = Rc::new(event_loop.run_until_complete(accepting.join()).unwrap());
        event_loop.run_until_complete(say(&client, b"some precious data")).unwrap();
        relay_near.attempt_read(&mut buffer).unwrap();
        let mut record = buffer.bytes().to_vec();
        assert_eq!(record.len(), 40);
        record[at] ^= 1;
        relay_far.attempt_send(&record).unwrap();
        relay_far.attempt_write_eof().unwrap();
        let raised = event_loop.run_until_complete(hear(&server)).unwrap_err();
        match io_kind(&raised) {
            // It counts as longer than it is, and the rest never comes.
            ErrorKind::UnexpectedEof => assert!((3..5).contains(&at), "byte {at}"),
            // Only an alert is sent after that.
            kind => {
                assert_eq!(kind, ErrorKind::InvalidData, "byte {at}");
                assert!(event_loop.run_until_complete(say(&server, b"more")).is_err());
            }
        }
    }
}

#[test]
fn noise_is_refused_and_never_waited_for() {
    let event_loop = virtual_loop().unwrap();
    let (acceptor, connector) = both();
    for seed in 0..50_u32 {
        let noise: Vec<u8> = bytes(4 * (seed as usize + 1) + 200).split_off(4 * seed as usize);
        // A record's head in front, so that the noise reaches the messages within.
        for head in
            [&[][..], &[22, 3, 1, 0, 100], &[22, 3, 3, 0, 50, 1, 0, 0, 46, 3, 3], &[23, 3, 3, 0, 1], &[21, 3, 3, 0, 2]]
        {
            let (near, far) = memory_pair();
            near.attempt_send(&[head, &noise].concat()).unwrap();
            near.attempt_write_eof().unwrap();
            assert!(event_loop.run_until_complete(acceptor.accept(far)).is_err());
            let (near, far) = memory_pair();
            far.attempt_send(&[head, &noise].concat()).unwrap();
            far.attempt_write_eof().unwrap();
            assert!(event_loop.run_until_complete(connector.connect("localhost", near)).is_err());
        }
    }
}

#[test]
fn a_reader_of_one_end_and_a_writer_of_the_other_break_together() {
    let (event_loop, client, server) = connected(MemoryPair::new().capacity(1000).build());
    let writing = event_loop.create_task(say(&client, &bytes(100_000))).unwrap();
    event_loop.run_until_complete(hear_exactly(&server, 10_000)).unwrap();
    server.abort();
    assert!(event_loop.run_until_complete(writing).is_err());
    assert!(event_loop.run_until_complete(hear(&client)).is_err());
}
