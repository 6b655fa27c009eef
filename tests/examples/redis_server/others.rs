//! What clients know of each other: `CLIENT LIST`, `CLIENT KILL`, and the limit of their number.

use super::world::World;

#[test]
fn clients_are_listed_with_what_they_do() {
    let world = World::new();
    let [one, two] = [(); 2].map(|()| world.client());
    one.ask_all(&["CLIENT SETNAME me", "SELECT 3", "HELLO 3", "SUBSCRIBE a b", "PSUBSCRIBE c*", "MULTI", "PING"]);
    world.seconds(5);
    let line = "id=1 addr=?:0 name=me age=5 idle=5 flags=xP db=3 sub=2 psub=1 ssub=0 multi=1 user=default resp=3\n";
    let own = "id=2 addr=?:0 name= age=5 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 user=default resp=2\n";
    let answer = |lines: &str| format!("${} {}", lines.len(), lines.trim_end());
    assert_eq!(two.ask("CLIENT LIST"), answer(&format!("{line}{own}")));
    assert_eq!(two.ask("CLIENT LIST TYPE pubsub"), answer(line));
    assert_eq!(two.ask("CLIENT LIST ID 2 7"), answer(own));
    assert_eq!(two.ask("CLIENT INFO"), answer(own));
    one.ask_all(&["DISCARD", "RESET"]);
    assert!(two.ask("CLIENT LIST ID 1").contains("name= age=5 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 "));
    one.end();
    assert_eq!(two.ask("CLIENT LIST"), answer(own));
}

#[test]
fn a_killed_client_is_cut_off_whatever_it_does() {
    for doing in ["PING", "BLPOP l 0", "SUBSCRIBE a", "MULTI", "WATCH k", ""] {
        let world = World::new();
        let [victim, client] = [(); 2].map(|()| world.client());
        victim.say(doing);
        victim.hear();
        assert_eq!(client.ask("CLIENT KILL ID 1"), ":1", "{doing}");
        assert!(victim.is_closed(), "{doing}");
        assert_eq!(
            client.ask_all(&["CLIENT KILL ID 1", "PUBLISH a x", "RPUSH l 1", "LLEN l"]),
            ":0 :0 :1 :1",
            "{doing}"
        );
        assert!(!client.ask("CLIENT LIST").contains("id=1 "), "{doing}");
        assert_eq!(world.server.stores.borrow()[0].watched(), 0, "{doing}");
        victim.end();
        world.settle();
        assert!(victim.task.done(), "{doing}");
    }
}

#[test]
fn a_killed_client_gets_no_more_answers() {
    let world = World::new();
    let [victim, client] = [(); 2].map(|()| world.client());
    world.at_once([client.will_push(b"CLIENT KILL ID 1\r\n"), victim.will_push(b"PING\r\nSET a 1\r\n")]);
    let heard = victim.hear();
    assert!(victim.is_closed());
    // Either it has run, or it has been cut off before.
    assert_eq!(client.hear(), ":1");
    assert_eq!(client.ask("GET a") == "$1 1", heard == "+PONG +OK");
}

#[test]
fn a_client_that_kills_itself_is_told_first() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.ask_all(&["CLIENT KILL ID 1", "PING", "CLIENT KILL ID 1 SKIPME no", "PING"]), ":0 +PONG :1");
    assert!(client.is_closed());
    let client = world.client();
    let answers = client.ask_all(&["MULTI", "CLIENT KILL ID 2 SKIPME no", "PING", "EXEC", "PING"]);
    assert_eq!(answers, "+OK +QUEUED +QUEUED *2 :1 +PONG");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_has_quit_hears_no_messages() {
    let world = World::new();
    let [client, other] = [(); 2].map(|()| world.client());
    client.ask("SUBSCRIBE a");
    assert_eq!(client.ask("QUIT"), "+OK");
    assert!(!client.task.done());
    assert_eq!(other.ask("PUBLISH a x"), ":0");
}

#[test]
fn the_number_of_clients_can_be_changed() {
    let world = World::new();
    let client = world.client();
    assert_eq!(client.ask_all(&["CONFIG SET maxclients 2", "CONFIG GET maxclients"]), "+OK *2 $10 maxclients $1 2");
    let [second, third] = [(); 2].map(|()| world.client());
    assert_eq!(second.ask("PING"), "+PONG");
    assert_eq!(third.hear(), "-ERR max number of clients reached");
    let refused = "-ERR CONFIG SET failed (possibly related to argument 'timeout') - can't set immutable config";
    assert_eq!(client.ask("CONFIG SET maxclients 9 timeout 7"), refused);
    assert_eq!(client.ask("CONFIG GET maxclients"), "*2 $10 maxclients $1 2");
}
