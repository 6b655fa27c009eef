//! `PUBLISH`, `SUBSCRIBE` and `PSUBSCRIBE`.

use super::server::Settings;
use super::world::World;

#[test]
fn a_message_reaches_all_who_have_subscribed() {
    let world = World::new();
    let [one, two, three, publisher] = [(); 4].map(|()| world.client());
    assert_eq!(one.ask("SUBSCRIBE news weather"), "*3 $9 subscribe $4 news :1 *3 $9 subscribe $7 weather :2");
    assert_eq!(two.ask("PSUBSCRIBE n*"), "*3 $10 psubscribe $2 n* :1");
    assert_eq!(publisher.ask("PUBLISH news hello"), ":2");
    assert_eq!(publisher.ask("PUBLISH none hello"), ":1");
    assert_eq!(publisher.ask("PUBLISH weather rain"), ":1");
    assert_eq!(one.hear(), "*3 $7 message $4 news $5 hello *3 $7 message $7 weather $4 rain");
    assert_eq!(two.hear(), "*4 $8 pmessage $2 n* $4 news $5 hello *4 $8 pmessage $2 n* $4 none $5 hello");
    assert_eq!(three.hear(), "");
    assert_eq!(publisher.ask("PUBSUB CHANNELS"), "*2 $4 news $7 weather");
    assert_eq!(publisher.ask("PUBSUB NUMSUB news x"), "*4 $4 news :1 $1 x :0");
    assert_eq!(publisher.ask("PUBSUB NUMPAT"), ":1");
}

#[test]
fn a_client_that_has_subscribed_may_use_few_commands() {
    let world = World::new();
    let client = world.client();
    client.ask("SUBSCRIBE a");
    let refused = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    assert_eq!(client.ask("GET a"), format!("-ERR Can't execute 'get': {refused}"));
    assert_eq!(client.ask("PING"), "*2 $4 pong $0");
    assert_eq!(client.ask("PING hi"), "*2 $4 pong $2 hi");
    assert_eq!(client.ask("PSUBSCRIBE b*"), "*3 $10 psubscribe $2 b* :2");
    assert_eq!(client.ask("UNSUBSCRIBE x"), "*3 $11 unsubscribe $1 x :2");
    assert_eq!(client.ask("UNSUBSCRIBE"), "*3 $11 unsubscribe $1 a :1");
    assert_eq!(client.ask("UNSUBSCRIBE"), "*3 $11 unsubscribe $-1 :1");
    assert_eq!(client.ask("PUNSUBSCRIBE b*"), "*3 $12 punsubscribe $2 b* :0");
    assert_eq!(client.ask("GET a"), "$-1");
    client.ask("SUBSCRIBE a");
    assert_eq!(client.ask("RESET"), "+RESET");
    assert_eq!(client.ask("PUBLISH a b"), ":0");
    client.ask("SUBSCRIBE a");
    assert_eq!(client.ask("QUIT"), "+OK");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_leaves_has_no_subscription() {
    let world = World::new();
    let [one, two, publisher] = [(); 3].map(|()| world.client());
    one.ask("SUBSCRIBE a");
    two.ask("PSUBSCRIBE a");
    one.end();
    two.reset();
    assert_eq!(publisher.ask("PUBLISH a b"), ":0");
    assert!(world.server.channels.borrow().channels.is_empty() && world.server.channels.borrow().patterns.is_empty());
}

#[test]
fn a_subscriber_that_does_not_read_is_dropped() {
    let world = World::with(Settings { mailbox: 100_000, ..Settings::default() });
    let [slow, quick, publisher] = [(); 3].map(|()| world.client());
    slow.ask("SUBSCRIBE a");
    quick.ask("SUBSCRIBE a");
    let message = format!("PUBLISH a {}", "x".repeat(10_000));
    let mut told = Vec::new();
    for _ in 0..60 {
        told.push(publisher.ask(&message));
        assert!(!quick.hear_bytes().is_empty());
    }
    // What is on its way, and what the mailbox may hold: 64 KiB, 64 KiB and 100 KB.
    let dropped_after = told.iter().position(|count| count == ":1").expect("it was dropped");
    assert!((10..30).contains(&dropped_after), "{dropped_after}");
    assert!(told[dropped_after..].iter().all(|count| count == ":1"));
    slow.hear_bytes();
    assert!(slow.is_closed() && slow.task.done());
}

#[test]
fn a_slow_subscriber_gets_every_message_in_order() {
    let world = World::new();
    let [subscriber, publisher] = [(); 2].map(|()| world.client());
    subscriber.ask("SUBSCRIBE a");
    let text = |number: usize| format!("{number}{}", "x".repeat(2000));
    for number in 0..200 {
        assert_eq!(publisher.ask(&format!("PUBLISH a {}", text(number))), ":1");
    }
    subscriber.say("PING");
    subscriber.say("UNSUBSCRIBE");
    let heard = String::from_utf8(subscriber.hear_bytes()).expect("it is text");
    let texts: Vec<&str> = heard.split("\r\n").filter(|line| line.len() > 2000).collect();
    assert_eq!(texts, (0..200).map(text).collect::<Vec<_>>());
    assert!(heard.ends_with("$4\r\npong\r\n$0\r\n\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n"));
}

#[test]
fn a_subscriber_is_told_what_has_come_when_the_server_stops() {
    let world = World::new();
    let [subscriber, publisher] = [(); 2].map(|()| world.client());
    subscriber.ask("SUBSCRIBE a");
    world.at_once([publisher.will_push(b"PUBLISH a last\r\n"), subscriber.will_stop()]);
    assert_eq!(subscriber.hear(), "*3 $7 message $1 a $4 last");
    assert!(subscriber.is_closed());
}
