//! Input that no client sends.

use std::rc::Rc;

use innermost::testing::Exchange;

use super::connection::Connection;
use super::server::{Server, Settings};
use super::world::World;

const CONVERSATION: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\n\r\n$1\r\n*0\r\nGET a\r\n*2\r\n$4\r\nLLEN\r\n$1\r\na\r\n\r\nECHO \"x\\ty\"\r\n*1\r\n$4\r\nQUIT\r\n";

fn exchange(input: impl AsRef<[u8]>) -> Exchange<impl innermost::task::Awaitable<Return = ()> + 'static> {
    Exchange::new(|stream| Connection::new(stream, &Server::new(Settings::default()), None)).input(input)
}

#[test]
fn requests_are_the_same_however_they_are_cut() {
    let exchange = exchange(CONVERSATION);
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    let answers = format!("+OK\r\n$4\r\n\r\n$1\r\n{wrong}$3\r\nx\ty\r\n+OK\r\n");
    assert_eq!(String::from_utf8_lossy(&exchange.run().output), answers);
    exchange.all_splits();
}

#[test]
fn requests_that_have_come_in_full_are_answered_though_the_last_one_is_cut_off() {
    let answers = exchange(CONVERSATION).run().output;
    exchange(CONVERSATION).truncations(|_, ended| {
        assert!(ended.outcome.is_ok());
        assert!(answers.starts_with(&ended.output));
    });
    exchange(CONVERSATION).interruptions(|_, _, ended| assert!(answers.starts_with(&ended.output)));
}

#[test]
fn protocol_errors_are_told_and_end_the_connection() {
    for (input, error) in [
        ("*x\r\n", "invalid multibulk length"),
        ("*1048577\r\n", "invalid multibulk length"),
        ("*99999999999999999999\r\n", "invalid multibulk length"),
        ("*01\r\n", "invalid multibulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$x\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n$4294967300\r\n", "invalid bulk length"),
        ("ECHO \"a\r\n", "unbalanced quotes in request"),
        ("ECHO 'a'b\r\n", "unbalanced quotes in request"),
        (&"x".repeat(70_000), "too big inline request"),
        (&format!("*{}", "1".repeat(70_000)), "too big mbulk count string"),
        (&format!("*1\r\n${}", "1".repeat(70_000)), "too big bulk count string"),
    ] {
        let world = World::new();
        let client = world.client();
        client.push(b"PING\r\n");
        client.push(input.as_bytes());
        client.push(b"PING\r\n");
        assert_eq!(client.hear(), format!("+PONG -ERR Protocol error: {error}"), "{:.40}", input);
        assert!(client.is_closed(), "{:.40}", input);
    }
}

#[test]
fn a_length_that_is_announced_takes_no_memory() {
    let world = World::new();
    for request in [&b"*1\r\n$536870912\r\nx"[..], b"*1048576\r\n$1\r\nx\r\n"] {
        let client = world.client();
        client.push(request);
        assert_eq!(client.hear(), "");
        assert!(!client.is_closed());
    }
}

#[test]
fn a_request_that_is_too_long_ends_the_connection() {
    let limits = super::resp::Limits { request: 200_000, ..Default::default() };
    let world = World::with(Settings { limits, ..Settings::default() });
    let client = world.client();
    client.push(b"*2\r\n$4\r\nECHO\r\n$300000\r\n");
    assert_eq!(client.hear(), "-ERR Protocol error: too big request");
    let client = world.client();
    client.push(b"*100000\r\n");
    client.push(&b"$1\r\nx\r\n".repeat(50_000));
    assert!(client.is_closed());
}

#[test]
fn random_bytes_end_or_are_answered() {
    let mut state = 88_172_645_463_325_252u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let words: &[&[u8]] = &[
        b"*1\r\n",
        b"*2\r\n",
        b"$4\r\n",
        b"$1\r\n",
        b"PING\r\n",
        b"a\r\n",
        b"\r\n",
        b"$-1\r\n",
        b"MULTI\r\n",
        b"EXEC\r\n",
        b"BLPOP a 1\r\n",
        b"RPUSH a 1\r\n",
        b"SUBSCRIBE a\r\n",
        b"UNSUBSCRIBE\r\n",
        b"PUBLISH a b\r\n",
        b"\"",
        b"*",
        b"$",
        b"SET a 1 PX 5\r\n",
        b"GET a\r\n",
        b"RESET\r\n",
        b"WATCH a\r\n",
        b"QUIT\r\n",
        b"SELECT 1\r\n",
        b"LRANGE a 0 -1\r\n",
    ];
    let world = World::new();
    for _ in 0..300 {
        let client = world.client();
        for _ in 0..random(40) {
            match random(4) {
                0 => drop(client.push(&[(random(256)) as u8])),
                _ => drop(client.push(words[random(words.len() as u64) as usize])),
            }
        }
        client.hear_bytes();
        match random(4) {
            0 => client.reset(),
            1 => client.stop(),
            _ => client.end(),
        }
        world.seconds(3);
        assert!(client.task.done());
        assert!(client.task.exception().is_ok_and(|raised| raised.is_none()));
    }
    assert_eq!(world.server.clients.borrow().len(), 0);
    assert_eq!(Rc::strong_count(&world.server), 2, "the world and the sweeper");
}

#[test]
fn a_deep_pipeline_is_answered_in_order() {
    let world = World::new();
    let client = world.client();
    let mut heard = Vec::new();
    let requests: String = (0..50_000).map(|number| format!("ECHO {number}\r\n")).collect();
    let mut rest = requests.as_bytes();
    while !rest.is_empty() {
        rest = &rest[client.push(rest)..];
        heard.extend(client.hear_bytes());
    }
    let answers: String =
        (0..50_000).map(|number: i32| format!("${}\r\n{number}\r\n", number.to_string().len())).collect();
    assert!(heard == answers.as_bytes());
}

#[test]
fn requests_before_the_end_of_the_stream_are_answered() {
    let world = World::new();
    let client = world.client();
    world.at_once([client.will_push(b"PING\r\nECHO a\r\nPI"), client.will_end()]);
    assert_eq!(client.hear(), "+PONG $1 a");
    assert!(client.is_closed() && client.task.done());
}

/// A web page can make a browser send any bytes to any port, in the body of a request in HTTP.
#[test]
fn a_request_in_http_ends_the_connection_without_an_answer() {
    for input in [
        "POST / HTTP/1.1\r\nHost: a\r\n\r\nFLUSHALL\r\n",
        "PING\r\npost\r\nPING\r\n",
        "HOST: a\r\nPING\r\n",
        "*1\r\n$5\r\nHost:\r\nPING\r\n",
        "MULTI\r\nPING\r\nPOST x\r\nEXEC\r\n",
        "SUBSCRIBE a\r\nPOST x\r\n",
    ] {
        let ended = exchange(input).run();
        assert!(ended.outcome.is_ok(), "{input:?}");
        assert_eq!(String::from_utf8_lossy(&ended.output), "", "{input:?}");
    }
    assert!(exchange("Hosts: a\r\n").run().output.starts_with(b"-ERR unknown command 'Hosts:'"));
}
