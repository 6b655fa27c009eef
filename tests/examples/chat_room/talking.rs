//! Names, lines, commands.

use std::net::Shutdown;

use crate::chat_room::room::{Room, WELCOME};
use crate::support::tools::{filtered, needs, tool};

#[test]
fn all_members_hear_lines_in_the_same_order() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.expect("* bob has joined");
    let mut carol = room.member("carol");
    for member in [&mut alice, &mut bob] {
        member.expect("* carol has joined");
    }
    alice.say("hello");
    for member in [&mut bob, &mut carol] {
        member.expect("alice: hello");
    }
    bob.say("  hi, Alice \r");
    for member in [&mut alice, &mut carol] {
        member.expect("bob: hi, Alice");
    }
    drop((alice, bob, carol));
    room.close();
}

#[test]
fn a_name_must_be_short_plain_and_unused() {
    let room = Room::open();
    let mut alice = room.member("Älice-1");
    let mut other = room.visitor();
    let refusals = [
        ("älicE-1", "that name is taken"),
        ("two words", "a name has 1 to 20 letters and digits, or - _ ."),
        ("/who", "a name has 1 to 20 letters and digits, or - _ ."),
        (&"x".repeat(21), "a name has 1 to 20 letters and digits, or - _ ."),
    ];
    for (name, why) in refusals {
        other.say(name);
        other.expect(&format!("* {why}: what is your name?"));
    }
    // Control characters are not there.
    other.say("b\u{7}o\u{1b}b");
    other.expect("* you are bob; /who tells who is here, /quit ends this");
    alice.expect("* bob has joined");
    // A name is free again when its member has left.
    drop(alice);
    other.expect("* Älice-1 has left");
    drop(room.member("älice-1"));
    drop(other);
    room.close();
}

#[test]
fn commands_are_answered_and_not_broadcast() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.expect("* bob has joined");
    let _unnamed = room.visitor();
    alice.say("/who");
    alice.expect("* here are alice, bob");
    alice.say("/dance");
    alice.expect("* there are /who and /quit");
    alice.say("");
    alice.say("/quit");
    alice.expect_end();
    bob.expect("* alice has left");
    drop((alice, bob, _unnamed));
    room.close();
}

#[test]
fn control_characters_and_invalid_text_reach_no_terminal() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.expect("* bob has joined");
    bob.send(b"a\x1b[2Jb\tc\xff\x00d\n");
    alice.expect("bob: a[2Jb c\u{fffd}d");
    drop((alice, bob));
    room.close();
}

#[test]
fn incomplete_lines_wait_for_the_rest_and_delay_no_other_member() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.expect("* bob has joined");
    bob.send(b"one ");
    for number in 0..3 {
        alice.say(&format!("line {number}"));
        bob.expect(&format!("alice: line {number}"));
    }
    bob.send(b"line\nand a ");
    alice.expect("bob: one line");
    // The end of the stream ends a line as well.
    bob.send(b"half");
    bob.stream().shutdown(Shutdown::Write).expect("it is a connection");
    alice.expect("bob: and a half");
    alice.expect("* bob has left");
    bob.expect_end();
    drop((alice, bob));
    room.close();
}

#[test]
fn only_a_line_that_is_too_long_is_lost() {
    let room = Room::open();
    let mut alice = room.member("alice");
    let mut bob = room.member("bob");
    alice.expect("* bob has joined");
    let longest = "x".repeat(1024);
    for long in [1025, 5000, 3_000_000] {
        bob.send(&b"y".repeat(long));
        bob.send(b"\nnext\n");
        bob.say(&longest);
        bob.expect("* that line was too long: the limit is 1024 bytes");
        alice.expect("bob: next");
        alice.expect(&format!("bob: {longest}"));
    }
    drop((alice, bob));
    room.close();
}

#[test]
fn nc_and_socat_can_be_members() {
    needs!("nc", "socat");
    let room = Room::open();
    let mut alice = room.member("alice");
    let port = room.address.port().to_string();
    let mut nc = tool("nc");
    nc.args(["-N", "127.0.0.1", &port]);
    let mut socat = tool("socat");
    socat.args(["-t30", "-", &format!("TCP:{}", room.address)]);
    for (name, command) in [("nc", nc), ("socat", socat)] {
        let mut command = command;
        let heard = filtered(&mut command, format!("{name}\n/who\nbye all\n").as_bytes());
        let expected =
            format!("{WELCOME}\n* you are {name}; /who tells who is here, /quit ends this\n* here are alice, {name}\n");
        assert_eq!(String::from_utf8_lossy(&heard), expected);
        for line in [format!("* {name} has joined"), format!("{name}: bye all"), format!("* {name} has left")] {
            alice.expect(&line);
        }
    }
    drop(alice);
    room.close();
}
