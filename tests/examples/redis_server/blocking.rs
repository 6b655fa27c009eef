//! `BLPOP` and `BRPOP`: who waits, who is served, and what becomes of an item whose client is gone.

use std::time::Duration;

use super::world::World;

#[test]
fn the_first_client_that_waits_is_served_first() {
    let world = World::new();
    let [first, second, third, pusher] = [(); 4].map(|()| world.client());
    first.say("BLPOP l 0");
    second.say("BRPOP l 0");
    world.settle();
    third.say("BLPOP other l 0");
    world.settle();
    assert_eq!(pusher.ask("RPUSH l 1 2 3 4"), ":4");
    assert_eq!([first.hear(), second.hear(), third.hear()], ["*2 $1 l $1 1", "*2 $1 l $1 4", "*2 $1 l $1 2"]);
    assert_eq!(pusher.ask("LRANGE l 0 -1"), "*1 $1 3");
    assert_eq!(first.ask("BLPOP l 0"), "*2 $1 l $1 3");
}

#[test]
fn a_wait_ends_with_nothing_when_its_time_is_over() {
    let world = World::new();
    let client = world.client();
    let began = world.time();
    client.say("BLPOP a b 1.5");
    world.pass(Duration::from_millis(1400));
    assert_eq!(client.hear(), "");
    world.pass(Duration::from_millis(200));
    assert_eq!(client.hear(), "*-1");
    assert!(world.time() - began < Duration::from_secs(2));
    // Its place in the lines is free: the item stays.
    assert_eq!(client.ask_all(&["RPUSH a 1", "LLEN a"]), ":1 :1");
    client.say("BLPOP none 0");
    world.seconds(1_000_000);
    assert_eq!(client.hear(), "");
    let other = world.client();
    assert_eq!(other.ask("LPUSH none x"), ":1");
    assert_eq!(client.hear(), "*2 $4 none $1 x");
}

#[test]
fn a_time_must_be_a_number_that_is_not_negative() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.ask("BLPOP l -1"), "-ERR timeout is negative");
    assert_eq!(client.ask("BLPOP l x"), "-ERR timeout is not a float or out of range");
    assert_eq!(client.ask("BLPOP l nan"), "-ERR timeout is not a float or out of range");
    assert_eq!(client.ask("BLPOP l 1e400"), "-ERR timeout is out of range");
}

#[test]
fn a_client_that_leaves_takes_no_item() {
    for way in ["it ends its half", "it resets the connection", "the server stops"] {
        let world = World::new();
        let [leaving, staying, pusher] = [(); 3].map(|()| world.client());
        leaving.say("BLPOP l 0");
        world.settle();
        staying.say("BLPOP l 0");
        world.settle();
        match way {
            "it ends its half" => leaving.end(),
            "it resets the connection" => leaving.reset(),
            _ => leaving.stop(),
        }
        assert_eq!(pusher.ask("RPUSH l 1"), ":1", "{way}");
        assert_eq!(staying.hear(), "*2 $1 l $1 1", "{way}");
        assert_eq!(pusher.ask("LLEN l"), ":0", "{way}");
        assert_eq!(leaving.hear(), "", "{way}");
    }
}

#[test]
fn a_client_that_leaves_when_its_item_comes_hands_it_on() {
    for way in ["end", "reset", "stop"] {
        let world = World::new();
        let [leaving, next, pusher] = [(); 3].map(|()| world.client());
        leaving.say("BLPOP l 0");
        world.settle();
        next.say("BLPOP l 0");
        world.settle();
        // The push is run first.
        let leave = match way {
            "end" => leaving.will_end(),
            "reset" => leaving.will_reset(),
            _ => leaving.will_stop(),
        };
        world.at_once([pusher.will_push(b"RPUSH l a\r\n"), leave]);
        // A connection that is stopped still answers what it has.
        let (stopped, served) =
            if way == "stop" { (leaving.hear(), next.hear()) } else { (next.hear(), leaving.hear()) };
        assert_eq!((stopped.as_str(), served.as_str()), ("*2 $1 l $1 a", ""), "{way}");
        assert_eq!(pusher.ask("LRANGE l 0 -1"), ":1 *0", "{way}");
    }
}

#[test]
fn an_item_that_nobody_takes_returns_to_its_end_of_the_list() {
    let world = World::new();
    let [leaving, pusher] = [(); 2].map(|()| world.client());
    leaving.say("BRPOP l 0");
    world.settle();
    world.at_once([pusher.will_push(b"RPUSH l a b\r\n"), leaving.will_end()]);
    assert_eq!(pusher.ask("LRANGE l 0 -1"), ":2 *2 $1 a $1 b");
}

#[test]
fn requests_wait_behind_one_that_waits() {
    let world = World::new();
    let [client, pusher] = [(); 2].map(|()| world.client());
    assert_eq!(client.ask_all(&["PING", "BLPOP l 0", "PING", "LLEN l"]), "+PONG");
    assert_eq!(client.ask("ECHO hi"), "");
    assert_eq!(pusher.ask("RPUSH l 1 2"), ":2");
    assert_eq!(client.hear(), "*2 $1 l $1 1 +PONG :1 $2 hi");
}

#[test]
fn a_client_that_waits_and_sends_on_does_not_fill_the_memory() {
    let world = World::new();
    let [client, pusher] = [(); 2].map(|()| world.client());
    client.say("BLPOP l 0");
    let pings = b"PING\r\n".repeat(100_000);
    let taken = client.push(&pings);
    assert!((64 << 10..300 << 10).contains(&taken), "{taken}");
    assert_eq!(pusher.ask("RPUSH l 1"), ":1");
    let heard = client.hear_bytes();
    assert_eq!(heard.len(), b"*2\r\n$1\r\nl\r\n$1\r\n1\r\n".len() + taken / 6 * 7);
}

#[test]
fn only_lists_serve_those_who_wait() {
    let world = World::new();
    let [client, other] = [(); 2].map(|()| world.client());
    client.say("BLPOP l 0");
    world.settle();
    assert_eq!(other.ask_all(&["SET l 1", "DEL l", "SELECT 1", "RPUSH l x", "SELECT 0"]), "+OK :1 +OK :1 +OK");
    assert_eq!(client.hear(), "");
    assert_eq!(other.ask("RPUSH l y"), ":1");
    assert_eq!(client.hear(), "*2 $1 l $1 y");
}

#[test]
fn a_client_that_waits_for_the_same_list_twice_is_served_once() {
    let world = World::new();
    let [client, other] = [(); 2].map(|()| world.client());
    client.say("BLPOP l l m 0");
    world.settle();
    assert_eq!(other.ask_all(&["RPUSH m 1", "RPUSH l 2"]), ":1 :1");
    assert_eq!(client.hear(), "*2 $1 m $1 1");
    assert_eq!(other.ask("LLEN l"), ":1");
}
