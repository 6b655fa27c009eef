//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`.

use super::server::Settings;
use super::world::World;

#[test]
fn a_transaction_runs_at_once() {
    let world = World::new();
    let [client, other] = [(); 2].map(|()| world.client());
    assert_eq!(client.ask_all(&["MULTI", "SET a 1", "INCR a", "LPUSH a x"]), "+OK +QUEUED +QUEUED +QUEUED");
    assert_eq!(other.ask("GET a"), "$-1");
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(client.ask("EXEC"), format!("*3 +OK :2 {wrong}"));
    assert_eq!(client.ask("EXEC"), "-ERR EXEC without MULTI");
    let answers = client.ask_all(&["MULTI", "SET a 9", "DISCARD", "GET a", "DISCARD"]);
    assert_eq!(answers, "+OK +QUEUED +OK $1 2 -ERR DISCARD without MULTI");
    assert_eq!(client.ask_all(&["MULTI", "MULTI", "EXEC"]), "+OK -ERR MULTI calls can not be nested *0");
}

#[test]
fn a_mistake_while_queueing_discards_the_transaction() {
    let world = World::new();
    let client = world.client();
    let aborted = "-EXECABORT Transaction discarded because of previous errors.";
    for (mistake, refusal) in [
        ("SET a", "-ERR wrong number of arguments for 'set' command"),
        ("NOPE", "-ERR unknown command 'NOPE', with args beginning with:"),
    ] {
        assert_eq!(client.ask("MULTI"), "+OK");
        assert_eq!(client.ask(mistake), refusal);
        assert_eq!(client.ask("SET a 1"), "+QUEUED");
        assert_eq!(client.ask("EXEC"), aborted);
        assert_eq!(client.ask("GET a"), "$-1");
    }
    let why = "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
    assert_eq!(client.ask_all(&["MULTI", "EXEC a", "EXEC"]), format!("+OK {why} -ERR EXEC without MULTI"));
}

#[test]
fn a_wrong_subcommand_discards_the_transaction() {
    let world = World::new();
    let client = world.client();
    let aborted = "-EXECABORT Transaction discarded because of previous errors.";
    for (mistake, refusal) in [
        ("CLIENT NOPE", "-ERR unknown subcommand 'NOPE'. Try CLIENT HELP."),
        ("CLIENT GETNAME x", "-ERR wrong number of arguments for 'client|getname' command"),
        ("CONFIG", "-ERR wrong number of arguments for 'config' command"),
        ("PUBSUB nope", "-ERR unknown subcommand 'nope'. Try PUBSUB HELP."),
        ("OBJECT ENCODING", "-ERR wrong number of arguments for 'object|encoding' command"),
        ("COMMAND x", "-ERR unknown subcommand 'x'. Try COMMAND HELP."),
    ] {
        assert_eq!(client.ask_all(&["MULTI", mistake, "SET a 1", "EXEC"]), format!("+OK {refusal} +QUEUED {aborted}"));
        assert_eq!(client.ask("GET a"), "$-1", "{mistake}");
    }
    let answers = client.ask_all(&["MULTI", "CLIENT GETNAME", "CONFIG GET save", "EXEC"]);
    assert_eq!(answers, "+OK +QUEUED +QUEUED *2 $-1 *2 $4 save $0");
}

#[test]
fn a_client_hears_its_own_messages_in_a_transaction() {
    let world = World::new();
    let client = world.client();
    let answers = client.ask_all(&["MULTI", "SUBSCRIBE a", "PUBLISH a x", "UNSUBSCRIBE a", "EXEC", "PING"]);
    let told = "*3 $9 subscribe $1 a :1 *3 $7 message $1 a $1 x :1 *3 $11 unsubscribe $1 a :0";
    assert_eq!(answers, format!("+OK +QUEUED +QUEUED +QUEUED *3 {told} +PONG"));
}

#[test]
fn a_transaction_fails_if_a_watched_key_has_changed() {
    for (change, is_change) in [
        ("SET a 1", true),
        ("SET b 1", false),
        ("GET a", false),
        ("DEL a", true),
        ("EXPIRE a 100", true),
        ("FLUSHALL", true),
        ("INCR a", true),
    ] {
        let world = World::new();
        let [client, other] = [(); 2].map(|()| world.client());
        assert_eq!(client.ask_all(&["SET a 0", "WATCH a x", "MULTI", "PING"]), "+OK +OK +OK +QUEUED");
        other.ask(change);
        assert_eq!(client.ask("EXEC"), if is_change { "*-1" } else { "*1 +PONG" }, "{change}");
        assert_eq!(client.ask_all(&["MULTI", "EXEC"]), "+OK *0", "{change}");
    }
}

#[test]
fn a_watched_key_that_expires_has_changed() {
    let world = World::new();
    let client = world.client();
    client.ask_all(&["SET a 1 EX 5", "WATCH a", "MULTI", "PING"]);
    world.seconds(6);
    assert_eq!(client.ask("EXEC"), "*-1");
    assert_eq!(
        client.ask_all(&["SET a 1", "WATCH a", "SET a 2", "UNWATCH", "MULTI", "EXEC"]),
        "+OK +OK +OK +OK +OK *0"
    );
    assert_eq!(client.ask_all(&["MULTI", "WATCH a", "DISCARD"]), "+OK -ERR WATCH inside MULTI is not allowed +OK");
}

#[test]
fn a_pop_does_not_wait_within_a_transaction_and_others_are_served_after_it() {
    let world = World::new();
    let [client, waiting] = [(); 2].map(|()| world.client());
    waiting.say("BLPOP l 0");
    world.settle();
    let answers = client.ask_all(&["MULTI", "BLPOP l 0", "RPUSH l 1 2", "BLPOP l 0", "LLEN l", "EXEC"]);
    assert_eq!(answers, "+OK +QUEUED +QUEUED +QUEUED +QUEUED *4 *-1 :2 *2 $1 l $1 1 :1");
    assert_eq!(waiting.hear(), "*2 $1 l $1 2");
}

#[test]
fn answers_of_a_transaction_are_limited() {
    let world = World::with(Settings { answers: 1 << 20, ..Settings::default() });
    let client = world.client();
    let value = "x".repeat(60_000);
    assert_eq!(client.ask(&format!("SET a {value}")), "+OK");
    client.ask("MULTI");
    for _ in 0..100 {
        assert_eq!(client.ask("GET a"), "+QUEUED");
    }
    client.say("EXEC");
    let heard = client.hear_bytes().len();
    assert!((1 << 20..(1 << 20) + 70_000).contains(&heard), "{heard}");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_leaves_watches_nothing() {
    let world = World::new();
    let client = world.client();
    client.ask("WATCH a b");
    client.end();
    world.seconds(5);
    assert!(client.task.done());
    assert_eq!(world.server.stores.borrow()[0].watched(), 0);
}
