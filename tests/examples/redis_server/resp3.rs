//! Version 3 of the protocol: more types of answers, and messages at any time.

use super::server::Settings;
use super::world::{Client, World};

fn greeted(world: &World) -> Client<'_> {
    let client = world.client();
    assert!(client.ask("HELLO 3").starts_with("%7 $6 server $5 redis "));
    client
}

#[test]
fn answers_have_more_types() {
    let world = World::new();
    let client = greeted(&world);
    for (request, answer) in [
        ("GET nope", "_"),
        ("MGET a b", "*2 _ _"),
        ("LPOP l 2", "_"),
        ("CONFIG GET save", "%1 $4 save $0"),
        ("CONFIG GET nope", "%0"),
        ("COMMAND DOCS", "%0"),
        ("SUBSCRIBE a", ">3 $9 subscribe $1 a :1"),
        ("UNSUBSCRIBE", ">3 $11 unsubscribe $1 a :0"),
        ("UNSUBSCRIBE", ">3 $11 unsubscribe _ :0"),
    ] {
        assert_eq!(client.ask(request), answer, "{request}");
    }
    assert!(client.ask("INFO").starts_with('='));
    client.say("BLPOP l 5");
    world.seconds(6);
    assert_eq!(client.hear(), "_");
}

#[test]
fn a_refused_greeting_changes_nothing() {
    let world = World::new();
    let client = world.client();
    for request in ["HELLO 4", "HELLO x", "HELLO 3 AUTH a b", "HELLO 3 SETNAME", "HELLO 3 NOPE"] {
        assert!(client.ask(request).starts_with('-'), "{request}");
        assert_eq!(client.ask("GET nope"), "$-1", "{request}");
    }
    assert!(client.ask("HELLO 3 AUTH default x SETNAME me").starts_with("%7 "));
    assert_eq!(client.ask_all(&["CLIENT GETNAME", "GET nope"]), "$2 me _");
    assert!(client.ask("HELLO").contains(" $5 proto :3 "));
    assert_eq!(client.ask_all(&["RESET", "GET nope", "CLIENT GETNAME"]), "+RESET $-1 $-1");
}

#[test]
fn a_subscriber_may_use_every_command() {
    let world = World::new();
    let [client, old] = [greeted(&world), world.client()];
    assert_eq!(client.ask("SUBSCRIBE a"), ">3 $9 subscribe $1 a :1");
    assert_eq!(client.ask_all(&["SET k 1", "GET k", "PING", "PING x"]), "+OK $1 1 +PONG $1 x");
    assert_eq!(client.ask_all(&["MULTI", "INCR k", "EXEC"]), "+OK +QUEUED *1 :2");
    // Each subscriber gets the message in its own version.
    old.ask("SUBSCRIBE a");
    assert_eq!(world.client().ask("PUBLISH a x"), ":2");
    assert_eq!(client.hear(), ">3 $7 message $1 a $1 x");
    assert_eq!(old.hear(), "*3 $7 message $1 a $1 x");
    assert!(client.ask("HELLO 2").starts_with("*14 "));
    assert!(client.ask("GET k").starts_with("-ERR Can't execute 'get': "));
    assert_eq!(world.client().ask("PUBLISH a y"), ":2");
    assert_eq!(client.hear(), "*3 $7 message $1 a $1 y");
}

#[test]
fn a_client_hears_its_own_messages_before_the_answer() {
    let world = World::new();
    let client = greeted(&world);
    let answers = client.ask_all(&["SUBSCRIBE a", "PUBLISH a x", "UNSUBSCRIBE a", "PUBLISH a y"]);
    assert_eq!(answers, ">3 $9 subscribe $1 a :1 >3 $7 message $1 a $1 x :1 >3 $11 unsubscribe $1 a :0 :0");
}

#[test]
fn messages_come_while_a_client_waits_for_an_item() {
    let world = World::new();
    let [client, other] = [greeted(&world), world.client()];
    client.ask("SUBSCRIBE a");
    client.say("BLPOP l 0");
    for text in ["x", "y"] {
        assert_eq!(other.ask(&format!("PUBLISH a {text}")), ":1");
        assert_eq!(client.hear(), format!(">3 $7 message $1 a $1 {text}"));
    }
    // A request that comes meanwhile is answered after the item.
    client.say("PING");
    assert_eq!(client.hear(), "");
    assert_eq!(other.ask_all(&["PUBLISH a z", "RPUSH l 1"]), ":1 :1");
    assert_eq!(client.hear(), ">3 $7 message $1 a $1 z *2 $1 l $1 1 +PONG");
    assert_eq!(other.ask("PUBLISH a last"), ":1");
    assert_eq!(client.hear(), ">3 $7 message $1 a $4 last");
}

#[test]
fn messages_that_came_before_a_client_waits_are_not_held_back() {
    let world = World::new();
    let [client, other] = [greeted(&world), world.client()];
    client.ask("SUBSCRIBE a");
    let value = "x".repeat(100_000);
    let request = |words: [&str; 3]| {
        let words = words.map(|word| format!("${}\r\n{word}\r\n", word.len()));
        format!("*3\r\n{}", words.concat()).into_bytes()
    };
    other.push(&request(["SET", "big", &value]));
    // The answer fills the way to the client, so the messages have to wait, and so does the request after it.
    client.say("GET big");
    client.say("BLPOP l 0");
    for _ in 0..3 {
        other.push(&request(["PUBLISH", "a", &value]));
    }
    assert_eq!(other.hear(), "+OK :1 :1 :1");
    let heard = client.hear_bytes();
    assert_eq!(heard.iter().filter(|byte| **byte == b'x').count(), 4 * value.len());
    other.ask("RPUSH l 1");
    assert_eq!(client.hear(), "*2 $1 l $1 1");
}

#[test]
fn a_subscriber_that_waits_and_does_not_read_is_dropped() {
    let world = World::with(Settings { mailbox: 100_000, ..Settings::default() });
    let [client, other] = [greeted(&world), world.client()];
    client.ask("SUBSCRIBE a");
    client.say("BLPOP l 0");
    let message = format!("PUBLISH a {}", "x".repeat(10_000));
    let is_dropped = (0..60).any(|_| other.ask(&message) == ":0");
    assert!(is_dropped && client.task.done());
    assert_eq!(other.ask_all(&["RPUSH l 1", "LLEN l"]), ":1 :1");
}

#[test]
fn a_client_that_waits_is_told_its_messages_when_the_server_stops() {
    let world = World::new();
    let [client, other] = [greeted(&world), world.client()];
    client.ask("SUBSCRIBE a");
    client.say("BLPOP l 0");
    world.settle();
    world.at_once([other.will_push(b"PUBLISH a last\r\n"), client.will_stop()]);
    assert_eq!(client.hear(), ">3 $7 message $1 a $4 last");
    assert!(client.is_closed());
}
