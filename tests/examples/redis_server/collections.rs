//! Sets, hashes, sorted sets, and visiting all of their elements.

use std::collections::BTreeSet;

use super::world::{Client, World};

/// Asks line by line, and compares the answers.
fn check(exchanges: &[(&str, &str)]) {
    let world = World::new();
    let client = world.client();
    for (line, answer) in exchanges {
        assert_eq!(client.ask(line), *answer, "{line}");
    }
}

#[test]
fn a_set_has_each_member_once() {
    check(&[
        ("SADD s a b a", ":2"),
        ("SADD s b", ":0"),
        ("SCARD s", ":2"),
        ("SMISMEMBER s a z", "*2 :1 :0"),
        ("SADD t b c", ":2"),
        ("SINTER s t", "*1 $1 b"),
        ("SDIFF s t", "*1 $1 a"),
        ("SUNIONSTORE u s t", ":3"),
        ("SMOVE s t a", ":1"),
        ("SREM s b", ":1"),
        ("EXISTS s", ":0"),
        ("TYPE u", "+set"),
        ("GET u", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn random_members_are_different_ones_unless_asked_otherwise() {
    let world = World::new();
    let client = world.client();
    client.ask("SADD s a b c");
    let members = |answer: &str| answer.split(' ').skip(1).filter(|word| !word.starts_with('$')).count();
    let distinct = |answer: &str| answer.split(' ').filter(|word| word.len() == 1).collect::<BTreeSet<_>>().len();
    for _ in 0..20 {
        let answer = client.ask("SRANDMEMBER s 5");
        assert_eq!((members(&answer), distinct(&answer)), (3, 3));
        assert_eq!(members(&client.ask("SRANDMEMBER s -5")), 5);
    }
    assert_eq!(client.ask("SRANDMEMBER s -1000000001"), "-ERR value is out of range");
    let popped: BTreeSet<String> = (0..3).map(|_| client.ask("SPOP s")).collect();
    assert_eq!(popped.into_iter().collect::<Vec<_>>(), ["$1 a", "$1 b", "$1 c"]);
    assert_eq!(client.ask("EXISTS s"), ":0");
}

#[test]
fn a_hash_has_fields() {
    check(&[
        ("HSET h a 1 b 2", ":2"),
        ("HSET h a 3", ":0"),
        ("HGETALL h", "*4 $1 a $1 3 $1 b $1 2"),
        ("HMGET h a z", "*2 $1 3 $-1"),
        ("HINCRBY h a 4", ":7"),
        ("HINCRBYFLOAT h b 0.1", "$3 2.1"),
        ("HSETNX h a 1", ":0"),
        ("HKEYS h", "*2 $1 a $1 b"),
        ("HVALS h", "*2 $1 7 $3 2.1"),
        ("HDEL h a b z", ":2"),
        ("EXISTS h", ":0"),
    ]);
}

#[test]
fn members_with_scores_are_in_order() {
    check(&[
        ("ZADD z 2 b 1 a 3 c 2 bb", ":4"),
        ("ZRANGE z 0 -1", "*4 $1 a $1 b $2 bb $1 c"),
        ("ZADD z CH GT 1 c 5 a", ":1"),
        ("ZRANGE z 0 -1 WITHSCORES", "*8 $1 b $1 2 $2 bb $1 2 $1 c $1 3 $1 a $1 5"),
        ("ZRANGEBYSCORE z (2 +inf", "*2 $1 c $1 a"),
        ("ZREVRANGE z 0 0", "*1 $1 a"),
        ("ZRANK z c", ":2"),
        ("ZINCRBY z 0.1 b", "$18 2.1000000000000001"),
        ("ZPOPMIN z", "*2 $2 bb $1 2"),
        ("ZPOPMAX z 5", "*6 $1 a $1 5 $1 c $1 3 $1 b $18 2.1000000000000001"),
        ("EXISTS z", ":0"),
    ]);
}

/// All keys that a client finds. `meanwhile` is called after each part.
fn scanned(client: &Client<'_>, mut meanwhile: impl FnMut(usize)) -> BTreeSet<String> {
    let (mut cursor, mut found) = ("0".to_owned(), BTreeSet::new());
    for part in 0.. {
        let answer = client.ask(&format!("SCAN {cursor} COUNT 7"));
        let words: Vec<&str> = answer.split(' ').collect();
        cursor = words[2].to_owned();
        found.extend(words[4..].chunks(2).map(|chunk| chunk[1].to_owned()));
        if cursor == "0" {
            break;
        }
        meanwhile(part);
    }
    found
}

#[test]
fn visiting_all_keys_in_parts_leaves_none_out() {
    let world = World::new();
    let [client, other] = [(); 2].map(|()| world.client());
    for number in 0..100 {
        client.ask(&format!("SET key{number} 1"));
    }
    assert_eq!(scanned(&client, |_| ()).len(), 100);
    // Keys come and go meanwhile.
    let found = scanned(&client, |part| {
        other.ask(&format!("DEL key{} key{}", 3 * part, 99 - 3 * part));
        other.ask(&format!("SET new{part} 1"));
    });
    let kept: BTreeSet<String> = scanned(&client, |_| ()).into_iter().filter(|key| key.starts_with("key")).collect();
    assert!(kept.len() >= 70 && kept.is_subset(&found), "{:?}", kept.difference(&found));
}

#[test]
fn a_list_with_a_new_name_serves_those_who_wait_for_that_name() {
    for (setup, change) in [
        ("RPUSH a 1", "RENAME a l"),
        ("RPUSH a 1", "COPY a l"),
        ("RPUSH a 1", "RPOPLPUSH a l"),
        ("RPUSH a 1", "LMOVE a l LEFT LEFT"),
    ] {
        let world = World::new();
        let [waiting, client] = [(); 2].map(|()| world.client());
        client.ask(setup);
        waiting.say("BLPOP l 0");
        client.ask(change);
        assert_eq!(waiting.hear(), "*2 $1 l $1 1", "{change}");
        assert_eq!(client.ask("EXISTS l"), ":0", "{change}");
    }
}

#[test]
fn keys_keep_their_times_when_they_are_renamed_copied_or_moved() {
    let world = World::new();
    let client = world.client();
    client.ask_all(&["SET a 1 EX 10", "RENAME a b", "COPY b c", "MOVE c 1"]);
    assert_eq!(client.ask_all(&["TTL b", "SELECT 1", "TTL c"]), ":10 +OK :10");
    world.seconds(11);
    assert_eq!(client.ask_all(&["EXISTS c", "SELECT 0", "EXISTS b"]), ":0 +OK :0");
    assert_eq!(world.server.stores.borrow()[1].len(), 0);
}
