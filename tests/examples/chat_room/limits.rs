//! Members that do not read, and very many of them.

use std::net::{Shutdown, TcpStream};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::chat_room::room::{Member, Room, WELCOME};
use crate::support::alone;
use crate::support::process::until;

/// A member whose connection buffers little, and who reads only its welcome.
fn deaf(room: &Room, name: &str) -> Member {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
    socket.set_recv_buffer_size(4096).expect("it is not connected yet");
    socket.connect(&SockAddr::from(room.address)).expect("the room is open");
    let mut member = Member::on(TcpStream::from(socket));
    member.expect(WELCOME);
    member.say(name);
    member.expect(&format!("* you are {name}; /who tells who is here, /quit ends this"));
    member
}

#[test]
fn a_member_that_does_not_read_is_dropped_while_others_talk_on() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.expect("* bob has joined");
    let _deaf = deaf(&room, "deaf");
    for member in [&mut alice, &mut bob] {
        member.expect("* deaf has joined");
    }
    let memory = room.process.memory();
    let text = "x".repeat(1000);
    // Each line is heard before the next is said, so bob is never behind.
    let said = (0..10_000).find(|number| {
        alice.say(&format!("{number} {text}"));
        match bob.hear().expect("he is a member") {
            line if line == "* deaf was too slow" => true,
            line => {
                assert_eq!(line, format!("alice: {number} {text}"));
                false
            }
        }
    });
    let said = said.expect("a slow member is dropped");
    assert!(said >= 2000, "{said} lines are not so many");
    // 2000 lines are shared by all; each megabyte of them is there once.
    let more = room.process.memory().saturating_sub(memory);
    assert!(more < 8 << 20, "{more} bytes");
    bob.expect(&format!("alice: {said} {text}"));
    alice.expect("* deaf was too slow");
    alice.say("/who");
    alice.expect("* here are alice, bob");
    drop((alice, bob, _deaf));
    room.close();
}

/// A question of five bytes has an answer of eight kilobytes here, and who asks need not read it.
#[test]
fn the_answer_to_who_is_shared_however_often_it_is_asked() {
    let room = Room::open();
    let members: Vec<_> =
        (0..100).map(|number| room.member(&format!("{}{number:04}", "\u{10400}".repeat(16)))).collect();
    let mut alice = room.member("alice");
    let mut curious = room.member("curious");
    alice.expect("* curious has joined");
    let memory = room.process.memory();
    curious.send(&b"/who\n".repeat(1900));
    curious.say("that was all");
    alice.expect("curious: that was all");
    let more = room.process.memory().saturating_sub(memory);
    assert!(more < 4 << 20, "{more} bytes");
    drop((members, alice, curious));
    room.close();
}

#[test]
fn five_hundred_members_hear_each_other_and_leak_nothing() {
    let _crowd = alone::crowd();
    const MEMBERS: usize = 500;
    let room = Room::open();
    let mut first = room.member("first");
    let descriptors = room.process.descriptors().len();
    let memory = room.process.memory();
    let mut members: Vec<_> = (0..MEMBERS).map(|number| room.member(&format!("m{number}"))).collect();
    for (number, member) in members.iter_mut().enumerate() {
        first.expect(&format!("* m{number} has joined"));
        for later in number + 1..MEMBERS {
            member.expect(&format!("* m{later} has joined"));
        }
    }
    let each = room.process.memory().saturating_sub(memory) as usize / MEMBERS;
    assert!(each < 8 << 10, "{each} bytes for each member");
    // All at once.
    for (number, member) in members.iter_mut().enumerate() {
        member.say(&format!("I am {number}"));
    }
    let mut heard: Vec<_> = (0..MEMBERS).map(|_| first.hear().expect("she is a member")).collect();
    heard.sort();
    let mut said: Vec<_> = (0..MEMBERS).map(|number| format!("m{number}: I am {number}")).collect();
    said.sort();
    assert_eq!(heard, said);
    for member in &mut members {
        let heard: Vec<_> = (1..MEMBERS).map(|_| member.hear().expect("they are members")).collect();
        assert!(heard.iter().all(|line| line.contains(": I am ")));
    }
    drop(members);
    let mut left: Vec<_> = (0..MEMBERS).map(|_| first.hear().expect("she is a member")).collect();
    left.sort();
    let mut all: Vec<_> = (0..MEMBERS).map(|number| format!("* m{number} has left")).collect();
    all.sort();
    assert_eq!(left, all);
    until("all are closed", || room.process.descriptors().len() == descriptors);
    drop(first);
    room.close();
}

#[test]
fn a_full_room_says_so() {
    let _crowd = alone::crowd();
    let room = Room::open();
    let members: Vec<_> = (0..1000).map(|_| room.visitor()).collect();
    let stream = TcpStream::connect(room.address).expect("the room is open");
    let mut late = Member::on(stream);
    late.expect("* the room is full, or closes");
    late.expect_end();
    drop((members, late));
    room.close();
}

#[test]
fn only_a_connection_without_a_name_is_dropped_in_time() {
    let room = Room::with(&["1"]);
    // Here before the other, so her time would be over before his.
    let mut alice = room.member("alice");
    let mut nobody = room.visitor();
    nobody.say("no name at all");
    nobody.expect("* a name has 1 to 20 letters and digits, or - _ .: what is your name?");
    nobody.expect_end();
    alice.say("/who");
    alice.expect("* here are alice");
    drop((alice, nobody));
    room.close();
}

#[test]
fn a_half_closed_member_that_does_not_read_is_dropped_after_the_grace_period() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let before = room.process.descriptors().len();
    let deaf = deaf(&room, "deaf");
    alice.expect("* deaf has joined");
    // More than connections hold, less than an outbox does.
    for _ in 0..1000 {
        alice.say(&"x".repeat(1000));
    }
    alice.say("/who");
    alice.expect("* here are alice, deaf");
    deaf.stream().shutdown(Shutdown::Write).expect("it is a connection");
    alice.expect("* deaf has left");
    until("its connection is closed", || room.process.descriptors().len() == before);
    drop((alice, deaf));
    room.close();
}

#[test]
fn without_free_descriptors_members_talk_on_and_new_connections_wait() {
    let room = Room::with_descriptors(32);
    let mut alice = room.member("alice");
    let connect = || Member::on(TcpStream::connect(room.address).expect("the kernel lets them in"));
    let mut others: Vec<_> = (0..64).map(|_| connect()).collect();
    let complaint = room.process.error_line().expect("it says that it cannot accept");
    assert!(complaint.starts_with("cannot accept") && complaint.contains("Too many open files"), "{complaint}");
    alice.say("/who");
    alice.expect("* here are alice");
    // Each that leaves lets in another: in the end all have been there.
    for mut other in others.drain(..) {
        other.expect(WELCOME);
    }
    drop(alice);
    room.process.signal("TERM");
    let (status, ..) = room.process.finish();
    assert_eq!(status.code(), Some(0));
}
