//! How members leave, and how the room closes.

use std::time::Instant;

use crate::chat_room::room::{Member, Room};
use crate::support::process::{DEADLINE, until};

#[test]
fn a_reset_removes_a_member_and_its_incomplete_line() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let descriptors = room.process.descriptors().len();
    for round in 0..50 {
        let name = format!("bob{round}");
        let mut bob = room.member(&name);
        alice.expect(&format!("* {name} has joined"));
        bob.send(b"whole\nhalf");
        alice.expect(&format!("{name}: whole"));
        bob.reset();
        alice.expect(&format!("* {name} has left"));
    }
    // Members without a name leave unnoticed.
    (0..50).for_each(|_| room.visitor().reset());
    until("all are closed", || room.process.descriptors().len() == descriptors);
    alice.say("/who");
    alice.expect("* here are alice");
    drop(alice);
    room.close();
}

fn close_by(signal: &str) {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    let mut unnamed = room.visitor();
    alice.expect("* bob has joined");
    bob.send(b"half a line");
    room.process.signal(signal);
    // The announcement, and then the end. Members do not see others leave.
    for member in [&mut alice, &mut bob, &mut unnamed] {
        member.expect("* the room closes");
        member.expect_end();
    }
    drop((alice, bob, unnamed));
    room.expect_success();
}

#[test]
fn sigint_tells_all_members_and_ends_the_server() {
    close_by("INT");
}

#[test]
fn sigterm_tells_all_members_and_ends_the_server() {
    close_by("TERM");
}

#[test]
fn lines_sent_before_the_signal_arrive_before_the_end() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.expect("* bob has joined");
    for number in 0..200 {
        alice.say(&format!("line {number}"));
    }
    bob.expect("alice: line 0");
    room.process.signal("TERM");
    let heard: Vec<_> = std::iter::from_fn(|| bob.hear()).collect();
    let (last, lines) = heard.split_last().expect("he is told");
    assert_eq!(last, "* the room closes");
    for (number, line) in (1..).zip(lines) {
        assert_eq!(line, &format!("alice: line {number}"));
    }
    drop((alice, bob));
    room.expect_success();
}

/// Connected, and past the first word.
fn silent(room: &Room) -> Vec<Member> {
    (0..3).map(|number| room.member(&format!("silent{number}"))).collect()
}

#[test]
fn members_that_do_not_close_are_dropped_after_the_grace_period() {
    let room = Room::open();
    let silent = silent(&room);
    let started = Instant::now();
    room.process.signal("INT");
    room.expect_success();
    assert!(started.elapsed().as_secs() >= 5 && started.elapsed() < DEADLINE);
    drop(silent);
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    // A machine that has stood still for the whole grace says nothing, and is asked again.
    for _ in 0..5 {
        let room = Room::open();
        let mut silent = silent(&room);
        let started = Instant::now();
        room.process.signal("TERM");
        while silent[2].hear().is_some() {}
        room.process.signal("TERM");
        room.expect_success();
        if started.elapsed().as_secs() < 5 {
            return;
        }
    }
    panic!("it waits for the end of its grace");
}
