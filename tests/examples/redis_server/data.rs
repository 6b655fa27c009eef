//! Strings, lists, keys, and their times.

use super::world::World;

/// Asks line by line, and compares the answers.
fn check(exchanges: &[(&str, &str)]) {
    let world = World::new();
    let client = world.client();
    for (line, answer) in exchanges {
        assert_eq!(client.ask(line), *answer, "{line}");
    }
}

#[test]
fn strings_are_set_under_conditions() {
    check(&[
        ("SET a 1", "+OK"),
        ("SET a 2 NX", "$-1"),
        ("SET b 2 XX", "$-1"),
        ("SET a 3 XX GET", "$1 1"),
        ("SET a 4 NX GET", "$1 3"),
        ("SET c 4 GET", "$-1"),
        ("MGET a b c", "*3 $1 3 $-1 $1 4"),
        ("SETNX a 5", ":0"),
        ("SETNX b 5", ":1"),
        ("GETSET a 6", "$1 3"),
        ("GETDEL a", "$1 6"),
        ("MSET a 7 b 8", "+OK"),
        ("APPEND a 89", ":3"),
        ("STRLEN a", ":3"),
        ("GET a", "$3 789"),
        ("DEL a b nope", ":2"),
        ("EXISTS c c a", ":2"),
        ("SET a 1 NX XX", "-ERR syntax error"),
        ("SET a 1 EX 1 PX 1", "-ERR syntax error"),
        ("MSET a", "-ERR wrong number of arguments for 'mset' command"),
        ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
    ]);
}

#[test]
fn numbers_do_not_overflow_and_have_one_form() {
    check(&[
        ("INCR a", ":1"),
        ("DECRBY a 3", ":-2"),
        ("SET a 9223372036854775807", "+OK"),
        ("INCR a", "-ERR increment or decrement would overflow"),
        ("DECRBY a -9223372036854775808", "-ERR decrement would overflow"),
        ("INCRBY a -9223372036854775808", ":-1"),
        ("SET a 01", "+OK"),
        ("INCR a", "-ERR value is not an integer or out of range"),
        ("SET a \"\"", "+OK"),
        ("INCR a", "-ERR value is not an integer or out of range"),
        ("INCRBY b x", "-ERR value is not an integer or out of range"),
        ("GET b", "$-1"),
    ]);
}

#[test]
fn lists_have_two_ends() {
    check(&[
        ("RPUSH l 1 2 3 4 5", ":5"),
        ("LPUSH l 0", ":6"),
        ("LRANGE l 0 -1", "*6 $1 0 $1 1 $1 2 $1 3 $1 4 $1 5"),
        ("LRANGE l -2 100", "*2 $1 4 $1 5"),
        ("LRANGE l 3 2", "*0"),
        ("LINDEX l -1", "$1 5"),
        ("LINDEX l 6", "$-1"),
        ("LSET l -1 five", "+OK"),
        ("LSET l 6 x", "-ERR index out of range"),
        ("LPOP l 2", "*2 $1 0 $1 1"),
        ("RPOP l", "$4 five"),
        ("LTRIM l 1 -1", "+OK"),
        ("LRANGE l 0 -1", "*2 $1 3 $1 4"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("LPOP l 0", "*0"),
        ("LPOP l 9", "*2 $1 3 $1 4"),
        ("EXISTS l", ":0"),
        ("LPOP l", "$-1"),
        ("LPOP l 1", "*-1"),
        ("LPUSHX l 1", ":0"),
        ("RPUSH l a b a c a", ":5"),
        ("LREM l -2 a", ":2"),
        ("LRANGE l 0 -1", "*3 $1 a $1 b $1 c"),
        ("LREM l 0 a", ":1"),
        ("LREM l 1 zz", ":0"),
        ("RPUSHX l d", ":3"),
        ("LLEN l", ":3"),
    ]);
}

#[test]
fn a_value_of_another_type_is_refused() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    check(&[
        ("SET s 1", "+OK"),
        ("RPUSH l 1", ":1"),
        ("LPUSH s 1", wrong),
        ("LRANGE s 0 1", wrong),
        ("LPOP s", wrong),
        ("BLPOP s 0", wrong),
        ("BLPOP none s 0", wrong),
        ("GET l", wrong),
        ("INCR l", wrong),
        ("APPEND l x", wrong),
        ("SET l 1 GET", wrong),
        ("MGET s l", "*2 $1 1 $-1"),
        ("TYPE l", "+list"),
        ("TYPE s", "+string"),
        ("TYPE x", "+none"),
        ("SET l 1", "+OK"),
        ("GET l", "$1 1"),
    ]);
}

#[test]
fn values_are_any_bytes() {
    let world = World::new();
    let client = world.client();
    let value: Vec<u8> = (0..=255).chain(*b"\r\n\0").collect();
    let mut request = b"*3\r\n$3\r\nSET\r\n$3\r\n\0\r\n\r\n$259\r\n".to_vec();
    request.extend_from_slice(&value);
    request.extend_from_slice(b"\r\n*2\r\n$3\r\nGET\r\n$3\r\n\0\r\n\r\n");
    client.push(&request);
    assert_eq!(client.hear_bytes(), [&b"+OK\r\n$259\r\n"[..], &value, b"\r\n"].concat());
}

#[test]
fn a_key_is_gone_when_its_time_is_over() {
    let world = World::new();
    let client = world.client();
    assert_eq!(
        client.ask_all(&["SET a 1 EX 10", "SET b 1 PX 1500", "SETEX c 20 1", "PSETEX d 500 1"]),
        "+OK +OK +OK +OK"
    );
    assert_eq!(client.ask_all(&["TTL a", "TTL b", "PTTL d", "TTL nope"]), ":10 :2 :500 :-2");
    world.seconds(1);
    assert_eq!(client.ask_all(&["EXISTS a b c d", "TTL a", "PERSIST a", "TTL a", "PERSIST a"]), ":3 :9 :1 :-1 :0");
    world.seconds(9);
    assert_eq!(
        client.ask_all(&["EXISTS a b c", "EXPIRE a 10", "PEXPIRE b 10", "EXPIRE a -1", "GET a"]),
        ":2 :1 :0 :1 $-1"
    );
    assert_eq!(
        client.ask_all(&["SET a 1 EX 10", "SET a 2 KEEPTTL", "TTL a", "SET a 3", "TTL a"]),
        "+OK +OK :10 +OK :-1"
    );
    // Far in the past, and far in the future.
    assert_eq!(
        client.ask_all(&["SET a 1 EXAT 1", "GET a", "SET a 1 PXAT 99999999999999", "GET a"]),
        "+OK $-1 +OK $1 1"
    );
    let refused = "-ERR invalid expire time in 'set' command";
    assert_eq!(client.ask_all(&["SET a 1 EX 0", "SET a 1 PX 9223372036854775807"]), format!("{refused} {refused}"));
}

#[test]
fn a_new_time_depends_on_the_old_one() {
    check(&[
        ("SET a 1", "+OK"),
        ("EXPIRE a 10 GT", ":0"),
        ("EXPIRE a 10 XX", ":0"),
        ("EXPIRE a 10 LT", ":1"),
        ("EXPIRE a 20 NX", ":0"),
        ("EXPIRE a 5 GT", ":0"),
        ("EXPIRE a 20 GT", ":1"),
        ("TTL a", ":20"),
        ("EXPIRE a 5 NX GT", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
    ]);
}

#[test]
fn memory_of_keys_is_freed_though_nobody_asks_for_them() {
    let world = World::new();
    let client = world.client();
    for number in 0..1000 {
        client.say(&format!("SET key{number} 1 PX {}", 1000 + number % 10));
    }
    client.hear();
    let left = || world.server.stores.borrow()[0].len();
    assert_eq!(left(), 1000);
    world.pass(std::time::Duration::from_millis(1005));
    assert!((300..=500).contains(&left()), "{}", left());
    world.seconds(1);
    assert_eq!(left(), 0);
    // A key that is due earlier than the one the sweeper waits for.
    client.ask_all(&["SELECT 3", "SET late 1 EX 1000", "SET soon 1 EX 1"]);
    world.seconds(2);
    assert_eq!(world.server.stores.borrow()[3].len(), 1);
}

#[test]
fn databases_are_apart() {
    check(&[
        ("SET a 1", "+OK"),
        ("SELECT 1", "+OK"),
        ("GET a", "$-1"),
        ("SET b 1", "+OK"),
        ("SELECT 16", "-ERR DB index is out of range"),
        ("DBSIZE", ":1"),
        ("KEYS *", "*1 $1 b"),
        ("FLUSHDB", "+OK"),
        ("DBSIZE", ":0"),
        ("SELECT 0", "+OK"),
        ("KEYS [a-c]", "*1 $1 a"),
        ("FLUSHALL ASYNC", "+OK"),
        ("DBSIZE", ":0"),
    ]);
}

#[test]
fn clients_are_told_what_they_ask_when_they_begin() {
    let world = World::new();
    let client = world.client();
    assert!(client.ask("HELLO 2 SETNAME me").starts_with("*14 $6 server $5 redis "));
    assert_eq!(client.ask("CLIENT GETNAME"), "$2 me");
    assert_eq!(client.ask("HELLO 4"), "-NOPROTO unsupported protocol version");
    assert_eq!(client.ask("CONFIG GET save"), "*2 $4 save $0");
    assert_eq!(client.ask("COMMAND DOCS"), "*0");
    assert_eq!(client.ask("COMMAND INFO get nope"), "*2 *6 $3 get :2 *0 :0 :0 :0 $-1");
    assert!(client.ask("INFO").contains("redis_version:"));
    client.ask_all(&["SELECT 2", "SET a 1 EX 9", "SELECT 0"]);
    assert_eq!(
        client.ask("INFO KEYSPACE replication"),
        "$74 # Replication role:master  # Keyspace db2:keys=1,expires=1,avg_ttl=0"
    );
    assert_eq!(client.ask("INFO nope"), "$0");
    assert_eq!(client.ask("nope a b"), "-ERR unknown command 'nope', with args beginning with: 'a' 'b'");
    assert_eq!(client.ask("GET"), "-ERR wrong number of arguments for 'get' command");
    assert_eq!(client.ask("PING"), "+PONG");
    assert_eq!(client.ask("PING hello"), "$5 hello");
    assert_eq!(client.ask("QUIT"), "+OK");
    assert!(client.is_closed());
}
