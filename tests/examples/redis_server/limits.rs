//! What the server allows: the number of clients, their silence, and their memory.

use std::time::Duration;

use innermost::testing::MemoryPair;

use super::server::Settings;
use super::world::World;

#[test]
fn a_client_too_many_is_told_so() {
    let world = World::with(Settings { clients: 2, ..Settings::default() });
    let [one, two] = [(); 2].map(|()| world.client());
    let three = world.client();
    assert_eq!([one.ask("PING"), two.ask("PING")], ["+PONG", "+PONG"]);
    assert_eq!(three.hear(), "-ERR max number of clients reached");
    assert!(three.is_closed());
    one.end();
    let four = world.client();
    assert_eq!(four.ask("PING"), "+PONG");
}

#[test]
fn a_silent_client_is_cut_off() {
    let world = World::with(Settings { idle: Some(Duration::from_secs(10)), ..Settings::default() });
    let [silent, half, busy, blocked, subscribed] = [(); 5].map(|()| world.client());
    half.push(b"*2\r\n$3\r\nGE");
    blocked.say("BLPOP l 0");
    subscribed.ask("SUBSCRIBE a");
    for _ in 0..5 {
        world.seconds(6);
        assert_eq!(busy.ask("PING"), "+PONG");
    }
    assert!(silent.task.done() && half.task.done());
    assert!(silent.is_closed());
    assert_eq!(busy.ask_all(&["RPUSH l 1", "PUBLISH a b"]), ":1 :1");
    assert_eq!(blocked.hear(), "*2 $1 l $1 1");
    assert_eq!(subscribed.hear(), "*3 $7 message $1 a $1 b");
    // It does not wait any more, so its time counts again.
    world.seconds(11);
    assert!(blocked.task.done() && !subscribed.task.done());
}

#[test]
fn a_client_that_does_not_read_is_cut_off_too() {
    let world = World::with(Settings { idle: Some(Duration::from_secs(10)), ..Settings::default() });
    let client = world.client();
    client.push(&b"PING\r\n".repeat(100_000));
    world.seconds(11);
    assert!(client.task.done());
}

#[test]
fn a_client_that_reads_slowly_is_not_cut_off() {
    let world = World::with(Settings { idle: Some(Duration::from_secs(10)), ..Settings::default() });
    let client = world.client();
    let value = "x".repeat(500_000);
    client.push(format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n{value}\r\n", value.len()).as_bytes());
    assert_eq!(client.hear(), "+OK");
    client.say("GET a");
    let mut heard = 0;
    while heard < value.len() {
        world.seconds(6);
        let piece = client.hear_piece();
        assert!(!piece.is_empty(), "after {heard} bytes");
        heard += piece.len();
    }
}

#[test]
fn a_client_that_sends_without_reading_does_not_fill_the_memory() {
    let world = World::new();
    let client = world.client();
    let large = "x".repeat(10_000);
    assert_eq!(client.ask(&format!("SET a {large}")), "+OK");
    let gets = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n".repeat(20_000);
    let taken = client.push(&gets);
    assert!(taken < 200 << 10, "{taken}");
    // Nothing is lost: whoever reads gets everything.
    let heard = client.hear_bytes();
    assert_eq!(heard.len(), taken / 20 * 10_010);
}

#[test]
fn a_request_in_many_pieces_over_a_slow_connection_is_run_once() {
    let world = World::new();
    for seed in 0..50 {
        let client = world.client_over(MemoryPair::new().random_moves(seed).capacity(16));
        let mut heard = Vec::new();
        let requests = format!("DEL n\r\n{}", "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".repeat(30));
        let mut rest = requests.as_bytes();
        while !rest.is_empty() {
            rest = &rest[client.push(rest)..];
            heard.extend(client.hear_bytes());
        }
        heard.extend(client.hear_bytes());
        let heard = String::from_utf8(heard).expect("it is text");
        assert!(heard.ends_with(":29\r\n:30\r\n"), "{seed}: {heard}");
    }
}

#[test]
fn what_has_arrived_is_answered_when_the_server_stops() {
    let world = World::new();
    let [idle, busy, half] = [(); 3].map(|()| world.client());
    world.at_once([busy.will_push(b"PING\r\nECHO hi\r\nPI"), busy.will_stop()]);
    half.push(b"*1\r\n$4\r\nPI");
    idle.stop();
    half.stop();
    world.settle();
    assert_eq!([idle.hear(), busy.hear(), half.hear()], ["", "+PONG $2 hi", ""]);
    assert!(idle.is_closed() && busy.is_closed() && half.is_closed());
    // They wait for their peers to close, but not for long.
    assert!(!idle.task.done());
    idle.end();
    assert!(idle.task.done());
    world.seconds(3);
    assert!(busy.task.done() && half.task.done());
}

#[test]
fn a_second_cancel_ends_a_connection_at_once() {
    let world = World::new();
    let client = world.client();
    client.push(&b"PING\r\n".repeat(100_000));
    client.stop();
    assert!(!client.task.done());
    client.stop();
    assert!(client.task.done());
}
