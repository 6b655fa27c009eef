//! The handshake's machine by hand: every message, cut and ended anywhere.

use std::net::{Ipv6Addr, SocketAddr};

use innermost::testing::{Interruption, Script};
use innermost::{Exception, Running};

use super::handshake::{Ended, Got, Handshake, Want, handshake};
use super::message::{Reply, Target};
use super::{SUCCESS, bound, greeting, login, refusal, request_by_name, request_to, v6};

/// A handshake whose client sends `input`.
fn script(needs_password: bool, input: impl AsRef<[u8]>) -> Script<Running<Handshake>> {
    let is_read = |want: &Want| *want == Want::Read;
    Script::new(move || handshake(needs_password)).input(input, is_read, |piece| Got::Bytes(piece.to_vec()))
}

fn write(bytes: impl AsRef<[u8]>) -> Want {
    Want::Write(bytes.as_ref().to_vec())
}

fn is_cut_off(raised: &Exception) -> bool {
    raised.to_string() == "unexpected end of file"
}

/// A handshake in which everything is as the proxy wants it, after `start`, which it expects to be answered by `answers`.
fn connects(input: &[u8], target: Target) -> Script<Running<Handshake>> {
    script(false, input)
        .expect(write([5, 0]))
        .expect(Want::Connect(target))
        .send(Got::Connected(Ok(bound())))
        .expect(write(SUCCESS))
        .returns(Ended::Connected { early: Vec::new() })
}

#[test]
fn every_kind_of_address_is_understood_however_it_is_cut() {
    let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let long = [b'a'; 255];
    for (request, target) in [
        (request_to(v4), Target::Address(v4)),
        (request_to(v6()), Target::Address(v6())),
        (request_by_name(b"localhost", 80), Target::Name("localhost".into(), 80)),
        (request_by_name(b"", 65_535), Target::Name(String::new(), 65_535)),
        (request_by_name(&[0, b'a', 0xff], 0), Target::Name("\0a\u{fffd}".into(), 0)),
        (request_by_name(&long, 1), Target::Name("a".repeat(255), 1)),
    ] {
        let input = [greeting(&[0]), request].concat();
        let script = connects(&input, target);
        script.run();
        if input.len() < 100 {
            script.all_splits();
        }
        script.truncations(|_, outcome| assert!(outcome.is_err_and(|raised| is_cut_off(&raised))));
    }
}

#[test]
fn a_login_is_checked_however_it_is_cut() {
    for (user, password) in [(&b"ada"[..], &b"secret"[..]), (b"", b""), (&[0xff; 255], &[0; 255])] {
        let input = [greeting(&[0, 1, 2]), login(user, password), request_by_name(b"a.b", 80)].concat();
        let check = || Want::Check { user: user.to_vec(), password: password.to_vec() };
        let start = || script(true, &input).expect(write([5, 2])).expect(check());
        let right = start()
            .send(Got::Right(true))
            .expect(write([1, 0]))
            .expect(Want::Connect(Target::Name("a.b".into(), 80)))
            .send(Got::Connected(Ok(bound())))
            .expect(write(SUCCESS))
            .returns(Ended::Connected { early: Vec::new() });
        let wrong = start().send(Got::Right(false)).expect(write([1, 1])).returns(Ended::Refused);
        right.run();
        wrong.run();
        if input.len() < 100 {
            right.all_splits();
            wrong.all_splits();
        }
        right.truncations(|_, outcome| assert!(outcome.is_err_and(|raised| is_cut_off(&raised))));
    }
}

#[test]
fn what_comes_behind_the_request_is_kept() {
    let request = request_by_name(b"a", 80);
    for early in [&b"G"[..], b"GET / HTTP/1.1\r\n\r\n", &[5, 1, 0]] {
        script(false, [&greeting(&[0]), &request, early].concat())
            .expect(write([5, 0]))
            .expect(Want::Connect(Target::Name("a".into(), 80)))
            .send(Got::Connected(Ok(bound())))
            .expect(write(SUCCESS))
            .returns(Ended::Connected { early: early.to_vec() })
            .run();
    }
}

#[test]
fn the_reply_has_the_address_of_the_connection() {
    let v6: SocketAddr = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 258).into();
    let reply = [&[5, 0, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[1, 1, 2]].concat();
    script(false, [greeting(&[0]), request_by_name(b"a", 80)].concat())
        .expect(write([5, 0]))
        .expect(Want::Connect(Target::Name("a".into(), 80)))
        .send(Got::Connected(Ok(v6)))
        .expect(write(reply))
        .returns(Ended::Connected { early: Vec::new() })
        .run();
}

#[test]
fn a_client_without_an_acceptable_login_is_told_so() {
    for (needs_password, methods) in
        [(true, &[][..]), (true, &[0]), (true, &[0, 1, 3]), (false, &[]), (false, &[2]), (false, &[1; 255])]
    {
        let script = script(needs_password, greeting(methods)).expect(write([5, 0xff])).returns(Ended::Refused);
        script.run();
        if methods.len() < 10 {
            script.all_splits();
        }
    }
    // The method is chosen by the proxy, wherever it stands.
    let last = [&[9; 254][..], &[0]].concat();
    connects(&[greeting(&last), request_to(v6())].concat(), Target::Address(v6())).run();
}

#[test]
fn what_is_not_supported_is_refused_with_its_code() {
    let refused = |request: &[u8], code: u8| {
        let input = [&greeting(&[0]), request].concat();
        let script = script(false, input).expect(write([5, 0])).expect(write(refusal(code))).returns(Ended::Refused);
        script.run();
        script.all_splits();
    };
    let with = |at: usize, byte: u8| {
        let mut request = request_by_name(b"host", 80);
        request[at] = byte;
        request
    };
    // BIND, UDP ASSOCIATE, and what is no command.
    for command in [2, 3, 0, 4, 255] {
        refused(&with(1, command), 7);
    }
    for address_type in [0, 2, 5, 255] {
        refused(&with(3, address_type), 8);
    }
    for version in [0, 4, 6, 255] {
        refused(&with(0, version), 1);
    }
    // The reserved byte may be anything.
    connects(&[greeting(&[0]), with(2, 255)].concat(), Target::Name("host".into(), 80)).run();
}

#[test]
fn every_failure_to_connect_has_its_code() {
    for (reply, code) in [
        (Reply::Failure, 1),
        (Reply::NotAllowed, 2),
        (Reply::NetworkUnreachable, 3),
        (Reply::HostUnreachable, 4),
        (Reply::Refused, 5),
        (Reply::Expired, 6),
    ] {
        script(false, [greeting(&[0]), request_to(v6())].concat())
            .expect(write([5, 0]))
            .expect(Want::Connect(Target::Address(v6())))
            .send(Got::Connected(Err(reply)))
            .expect(write(refusal(code)))
            .returns(Ended::Refused)
            .run();
    }
}

#[test]
fn another_protocol_is_not_answered() {
    for input in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[4, 1, 0, 80, 127, 0, 0, 1, 0], &[0], &[255; 600]] {
        script(false, input).raises_that(|raised| raised.to_string() == "this is not SOCKS5").run();
    }
    // A login of another version is a wrong one.
    script(true, [greeting(&[2]), vec![5, 1, 0]].concat())
        .expect(write([5, 2]))
        .expect(write([1, 1]))
        .returns(Ended::Refused)
        .run();
}

#[test]
fn whatever_is_thrown_in_ends_it() {
    let input = [greeting(&[2]), login(b"a", b"b"), request_to(v6())].concat();
    let script = script(true, input)
        .expect(write([5, 2]))
        .expect(Want::Check { user: b"a".to_vec(), password: b"b".to_vec() })
        .send(Got::Right(true))
        .expect(write([1, 0]))
        .expect(Want::Connect(Target::Address(v6())))
        .send(Got::Connected(Ok(bound())))
        .expect(write(SUCCESS))
        .returns(Ended::Connected { early: Vec::new() });
    script.interruptions(|_, interruption, outcome| {
        let raised = outcome.expect_err("it is not caught");
        assert_eq!(raised.is_generator_exit(), interruption == Interruption::Close);
    });
}
