//! Clients written by others: `redis-cli`, `redis-benchmark`, and `redis` for Python.

use std::process::{Command, Stdio};

use crate::redis_server::program::Program;
use crate::support::process::{Process, until};
use crate::support::tools::{filtered, needs, tool};

fn cli(program: &Program) -> Command {
    let mut command = tool("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &program.address.port().to_string()]);
    command
}

fn say(program: &Program, words: &[&str]) -> String {
    String::from_utf8(filtered(cli(program).args(words), b"")).expect("it is text").trim_end().to_owned()
}

#[test]
fn redis_cli_sets_and_gets() {
    needs!("redis-cli");
    let program = Program::start();
    assert_eq!(say(&program, &["PING"]), "PONG");
    assert_eq!(say(&program, &["SET", "a key", "a value", "EX", "100"]), "OK");
    assert_eq!(say(&program, &["GET", "a key"]), "a value");
    assert_eq!(say(&program, &["-n", "3", "GET", "a key"]), "");
    assert_eq!(say(&program, &["RPUSH", "l", "1", "2"]), "2");
    assert_eq!(say(&program, &["LRANGE", "l", "0", "-1"]), "1\n2");
    assert_eq!(say(&program, &["INCR", "l"]), "WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_eq!(say(&program, &["-3", "--json", "CONFIG", "GET", "save"]), "{\"save\":\"\"}");
    assert_eq!(say(&program, &["-3", "--json", "GET", "nope"]), "null");
    let script = b"MULTI\nINCR n\nINCRBY n 5\nEXEC\n";
    assert_eq!(filtered(&mut cli(&program), script), b"OK\nQUEUED\nQUEUED\n1\n6\n");
    program.stop();
}

#[test]
fn redis_cli_loads_many_keys_by_its_pipe() {
    needs!("redis-cli");
    let program = Program::start();
    let requests: String = (0..20_000).map(|number| format!("SET key{number} {number}\r\n")).collect();
    let output = filtered(cli(&program).arg("--pipe"), requests.as_bytes());
    let output = String::from_utf8_lossy(&output);
    assert!(output.contains("errors: 0, replies: 20000"), "{output}");
    assert_eq!(say(&program, &["DBSIZE"]), "20000");
    program.stop();
}

#[test]
fn redis_cli_waits_and_subscribes() {
    needs!("redis-cli");
    let program = Program::start();
    let waiting = Process::spawn(cli(&program).args(["BLPOP", "jobs", "0"])).expect("it is installed");
    let subscribed = Process::spawn(cli(&program).args(["PSUBSCRIBE", "new*"])).expect("it is installed");
    assert_eq!([(); 3].map(|()| subscribed.line().expect("it has subscribed")), ["psubscribe", "new*", "1"]);
    until("it is told", || say(&program, &["PUBLISH", "news", "hello"]) == "1");
    assert_eq!([(); 4].map(|()| subscribed.line().expect("a message")), ["pmessage", "new*", "news", "hello"]);
    assert_eq!(say(&program, &["LPUSH", "jobs", "work"]), "1");
    let (status, output, errors) = waiting.finish();
    assert_eq!((status.code(), output, errors), (Some(0), vec!["jobs".to_owned(), "work".to_owned()], vec![]));
    drop(subscribed);
    program.stop();
}

#[test]
fn redis_benchmark_has_no_errors() {
    needs!("redis-benchmark");
    let program = Program::start();
    for pipeline in ["1", "16"] {
        let mut command = tool("redis-benchmark");
        command.args(["-p", &program.address.port().to_string(), "-n", "2000", "-c", "20", "-P", pipeline, "--csv"]);
        command.args(["-d", "100", "-r", "1000"]);
        let output = String::from_utf8(filtered(&mut command, b"")).expect("it is text");
        let lines: Vec<&str> = output.lines().collect();
        assert!(lines.len() == 21 && lines[1..].iter().all(|line| line.starts_with('"')), "{output}");
    }
    program.stop();
}

/// Runs a program in Python, if its library is installed. Otherwise says so.
fn python(program: &Program, script: &str) {
    let has_library = Command::new("python3")
        .args(["-c", "import redis"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_library {
        let is_required = std::env::var_os("INNERMOST_REQUIRE_TOOLS").is_some_and(|value| !value.is_empty());
        assert!(!is_required, "Python's `redis` is not installed; `bash .ci/run` installs it");
        eprintln!("left out: Python's `redis` is not installed");
        return;
    }
    let output = filtered(tool("python3").args(["-c", script, &program.address.port().to_string()]), b"");
    assert_eq!(String::from_utf8_lossy(&output), "done\n");
}

#[test]
fn the_python_client_is_content() {
    needs!("python3");
    for options in ["protocol=2", "protocol=3", ""] {
        let program = Program::start();
        python(&program, &SCRIPT.replace("**OPTIONS", options));
        program.stop();
    }
}

const SCRIPT: &str = r#"
import redis, sys, threading, time
r = redis.Redis(port=int(sys.argv[1]), **OPTIONS)
assert r.ping()
assert r.set("a", b"\x00\xff", ex=100) and r.get("a") == b"\x00\xff" and 99 <= r.ttl("a") <= 100
assert r.set("a", 1, nx=True) is None and r.set("a", 2, get=True) == b"\x00\xff"
assert r.mset({"b": 1, "c": 2}) and r.mget("b", "c", "d") == [b"1", b"2", None]
assert r.incrby("n", 5) == 5 and r.decr("n") == 4 and r.append("n", "x") == 2 and r.strlen("n") == 2
assert sorted(r.keys("[ab]")) == [b"a", b"b"] and r.type("a") == b"string" and r.exists("a", "zz") == 1
assert r.rpush("l", *range(10)) == 10 and r.lrange("l", 0, 2) == [b"0", b"1", b"2"] and r.lpop("l", 2) == [b"0", b"1"]
assert r.llen("l") == 8 and r.lindex("l", -1) == b"9" and r.ltrim("l", 0, 1) and r.lrem("l", 0, "2") == 1
try:
    r.incr("l")
    assert False
except redis.ResponseError as error:
    assert "WRONGTYPE" in str(error) or "wrong kind" in str(error)
with r.pipeline() as pipe:
    pipe.set("p", 1); pipe.incr("p"); pipe.get("p")
    assert pipe.execute() == [True, 2, b"2"]
with r.pipeline(transaction=False) as pipe:
    for number in range(5000):
        pipe.set("k%d" % number, "v" * 100)
    assert all(pipe.execute())
def add(pipe):
    value = int(pipe.get("p")); pipe.multi(); pipe.set("p", value + 1)
assert r.transaction(add, "p") == [True] and r.get("p") == b"3"
assert tuple(r.blpop(["x", "l"], timeout=1)) == (b"l", b"3") and r.blpop("x", timeout=0.05) is None
popped = []
threads = [threading.Thread(target=lambda: popped.append(r.blpop("jobs", timeout=30))) for _ in range(5)]
for thread in threads: thread.start()
for number in range(5): r.rpush("jobs", number)
for thread in threads: thread.join()
assert sorted(item for _, item in popped) == [b"0", b"1", b"2", b"3", b"4"]
s = r.pubsub()
s.subscribe("news"); s.psubscribe("n*")
def message():
    while True:
        m = s.get_message(timeout=30)
        if m is not None: return m["type"], m["data"]
assert message() == ("subscribe", 1) and message() == ("psubscribe", 2)
assert r.publish("news", "hello") == 2
assert message() == ("message", b"hello") and message() == ("pmessage", b"hello")
s.unsubscribe(); s.punsubscribe(); assert message()[0] == "unsubscribe" and message()[0] == "punsubscribe"
s.close()
assert r.info()["redis_mode"] == "standalone" and r.config_get("save") == {"save": ""} and r.client_id() > 0
big = b"x" * 5_000_000
assert r.set("big", big) and r.get("big") == big
assert r.dbsize() > 5000 and r.flushall() and r.dbsize() == 0
print("done")
"#;
