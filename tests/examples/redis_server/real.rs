//! The same requests to this server and to Redis itself: the answers must be equal, to the byte.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::redis_server::program::Program;
use crate::support::process::{DEADLINE, Process, until};
use crate::support::tools::needs;

/// Redis, on a socket in a folder of its own.
struct Redis {
    process: Process,
    folder: PathBuf,
}

impl Redis {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("innermost-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("it can be made");
        let socket = folder.join("socket");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--loglevel", "warning", "--dir"]).arg(&folder);
        let process = Process::spawn(command.arg("--unixsocket").arg(&socket)).expect("it is installed");
        until("it listens", || UnixStream::connect(&socket).is_ok());
        Self { process, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        self.process.signal("KILL");
    }
}

/// Sends everything, and then `QUIT`. Returns what comes until the connection is closed.
fn exchange(mut stream: impl Read + Write, request: &[u8]) -> String {
    // After a protocol error, nobody reads the rest.
    let _ = stream.write_all(&[request, b"QUIT\r\n"].concat());
    let mut answers = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        answers.extend_from_slice(&piece[..count]);
    }
    without_numbers(&String::from_utf8_lossy(&answers))
}

/// Removes the numbers of clients: they depend on how many there were.
fn without_numbers(answers: &str) -> String {
    let mut parts = answers.split("$2\r\nid\r\n:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "$2\r\nid\r\n:";
        text += part.trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    text
}

fn compare(name: &str, requests: &[Vec<u8>]) {
    let (program, redis) = (Program::start(), Redis::start(name));
    let theirs = |path: &Path, request: &[u8]| {
        let stream = UnixStream::connect(path).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
        exchange(stream, request)
    };
    for request in requests {
        let request = [b"FLUSHALL\r\n", &request[..]].concat();
        let expected = theirs(&redis.socket(), &request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(300)]).into_owned();
        assert_eq!(exchange(program.connect(), &request), expected, "{shown:?}");
    }
    drop(redis);
    program.stop();
}

#[test]
fn commands_are_answered_as_by_redis() {
    needs!("redis-server");
    compare("commands", &SCRIPTS.iter().map(|script| lines(script)).collect::<Vec<_>>());
}

#[test]
fn commands_are_answered_as_by_redis_in_the_third_version_of_the_protocol() {
    needs!("redis-server");
    compare("resp3", &SCRIPTS.iter().map(|script| lines(&format!("HELLO 3;{script}"))).collect::<Vec<_>>());
}

fn lines(script: &str) -> Vec<u8> {
    script.split(';').flat_map(|line| format!("{}\r\n", line.trim()).into_bytes()).collect()
}

#[test]
fn protocol_errors_are_answered_as_by_redis() {
    needs!("redis-server");
    compare("protocol", &INVALID.iter().map(|request| request.as_bytes().to_vec()).collect::<Vec<_>>());
}

/// Requests, separated by semicolons.
const SCRIPTS: &[&str] = &[
    "PING;PING hi;PING a b;ECHO x;ECHO;FOO;FOO a b \"c d\";foo 'aaa' bbb;GET;GET a b",
    "SET a 1 EX 0;SET a 1 EX -1;SET a 1 EX x;SET a 1 EX;SET a 1 NX XX;SET a 1 EX 10 PX 10;SET a 1 EX 10 KEEPTTL;SET a 1 BLA",
    "SET a 1 EX x BLA;SET a 1 PX x EX 10;SET a 1 EX 10 EX 20;TTL a;SET a 2 PX x px 20000 GET;TTL a;SET a 3 EX 10 EXAT 99999999999",
    "SET a 1 PX 9223372036854775807;SET a 1 EX 9223372036854775807;SET a 1 EX 92233720368547758",
    "SET a 1 EX 100;TTL a;SET a 2 KEEPTTL;TTL a;SET a 3;TTL a;SET a 4 GET;SET b 4 GET;SET a 5 NX;SET a 5 NX GET;SET c 5 XX",
    "SET a 1;SET c 5 XX GET;SET c 5 NX GET;SET a 9 XX;GET a;SET a 1 EXAT 1;GET a;SET a 1 PXAT 1;EXISTS a;SET a 1 EXAT 99999999999",
    "GETSET a 1;GETSET a 2;SETEX a 10 x;TTL a;SETEX a 0 x;SETEX a x x;PSETEX a 0 x;PSETEX a 100000 x;SETNX a x;SETNX b x",
    "MGET a b c;MSET a 1 b;MSET a 1 b 2;MGET a b;MGET;MSET;GETDEL a;GETDEL a;TOUCH a b;UNLINK a b",
    "INCR a;INCRBY a 10;DECR a;DECRBY a 100;SET a x;INCR a;SET a 9223372036854775807;INCR a;SET a -9223372036854775808;DECR a",
    "INCRBY a x;DECRBY a -9223372036854775808;DECRBY a 9223372036854775808;SET a ' 1';INCR a;SET a 01;INCR a;SET a -0;INCR a",
    "SET a +1;INCR a;SET a '';INCR a;APPEND a x;APPEND a yy;STRLEN a;GET a;STRLEN nope;DEL a a b;SET a 1;EXISTS a a b",
    "SET a 1;EXPIRE a 100;TTL a;PERSIST a;TTL a;PERSIST a;PERSIST no;EXPIRE a -1;EXISTS a;EXPIRE a 10;EXPIRE a x",
    "SET a 1;EXPIRE a 9223372036854775807;PEXPIRE a 9223372036854775807;EXPIRE a 10 NX;EXPIRE a 20 NX;EXPIRE a 5 GT",
    "SET a 1 EX 20;EXPIRE a 30 GT;EXPIRE a 40 LT;EXPIRE a 5 LT;EXPIRE a 5 XX;EXPIRE a 5 FOO;EXPIRE a 5 NX XX;EXPIRE a 5 GT LT",
    "SET a 1;EXPIRE a x FOO;EXPIRE a x NX XX;PEXPIRE a 9223372036854775807 GT LT;EXPIREAT a x xx;EXPIRE no x",
    "SET a 1;EXPIRE a -9223372036854775808;PEXPIRE a -9223372036854775808;EXISTS a;EXPIREAT a 1;SET a 1;EXPIREAT a 1;EXISTS a",
    "SET a 1;EXPIRE a 10 GT;TTL a;EXPIRE a 10 LT;TTL a;EXPIRE a 10 XX NX;EXPIRE a 10 xx;EXPIRE a 10 gt xx",
    "TYPE a;SET a 1;TYPE a;LPUSH l 1;TYPE l;GET l;INCR l;APPEND l x;LPUSH a 1;LLEN a;LRANGE a 0 -1;LPOP a;RPOP a 1;SET l 1 GET",
    "SET a 1;LPUSH l 1;GETSET l 1;STRLEN l;MGET a l;SETNX l 1;LINDEX a 0;LREM a 0 1;LTRIM a 0 1;LPUSHX a 1;BLPOP a 0;GETDEL l",
    "SET a 1;BLPOP no a 0;LPUSH l 1;BLPOP l a 0;LPUSH l 1 2 3;RPUSH l 4 5;LRANGE l 0 -1;LRANGE l 1 2;LRANGE l -2 -1",
    "RPUSH l 1 2 3;LRANGE l 5 10;LRANGE l 3 1;LRANGE l -100 100;LRANGE l x 1;LRANGE no 0 1;LLEN l;LLEN no;LINDEX l 0;LINDEX l -1",
    "RPUSH l 1 2 3 4 5;LPOP l;RPOP l;LPOP l 2;RPOP l 100;LPOP l;LPOP l 2;EXISTS l;LPOP l 0;RPUSH l 1;LPOP l 0;LPOP l -1;LPOP l x",
    "RPUSH l 1;LPOP l 1 2;RPOP l 1 2;LPOP no 0;LPOP no -1;LINDEX l 100;LINDEX l -100;LINDEX l x;LPUSH l;LPUSHX l;LPUSHX l 2 3",
    "RPUSH l a b a c a;LREM l 2 a;LRANGE l 0 -1;RPUSH m a b a c a;LREM m -2 a;LRANGE m 0 -1;LREM m 0 a;LREM m 0 zz;LREM m x a",
    "RPUSH m b c;LREM no 0 a;LREM m 0 b;LREM m 0 c;EXISTS m;LREM l -1 a;RPUSH l a b c d e;LTRIM l 1 3;LRANGE l 0 -1;LTRIM l -2 -1",
    "RPUSH l a b;LTRIM l 5 1;EXISTS l;LTRIM no 0 1;LTRIM l x 1;LSET l 0 a;RPUSH l a;LSET l 0 b;LSET l 1 b;LSET l -1 c;LSET l -2 c",
    "LSET no x 1;LINDEX no x;SET a 1;LSET a x 1;LINDEX a x;RPUSH l 1;LSET l x 1;LINDEX l x",
    "RPUSH l 1 2;BLPOP l 0;BRPOP l 0;BLPOP l 0.01;BLPOP l -1;BLPOP l x;BLPOP l;BLPOP",
    "SET a 1;SET ab 1;KEYS ab*;KEYS [a-b];KEYS nope;DBSIZE;SELECT 1;DBSIZE;SET z 1;SELECT 16;SELECT -1;SELECT x;SELECT 0;DBSIZE",
    "FLUSHDB;DBSIZE;SELECT 1;DBSIZE;FLUSHALL;DBSIZE;FLUSHALL ASYNC;FLUSHALL SYNC;FLUSHALL x;FLUSHDB a b",
    "MULTI;SET a 1;INCR a;GET a;EXEC;EXEC;DISCARD;MULTI;SET b 1;DISCARD;GET b;MULTI;MULTI;EXEC",
    "MULTI;SET a;SET a 1;EXEC;GET a;MULTI;FOO;EXEC;MULTI;SET a x;INCR a;LPUSH a 1;SET b 2;EXEC;GET b;MULTI;EXEC;MULTI;GET a",
    "MULTI;WATCH a;EXEC;WATCH a;MULTI;SET a 1;EXEC;WATCH a;SET a 2;MULTI;SET a 3;EXEC;GET a;WATCH a;SET a 2;UNWATCH;MULTI;EXEC",
    "WATCH a;SET a 5;DISCARD;MULTI;EXEC;WATCH;WATCH a;SET a 1;DEL a;MULTI;PING;EXEC;WATCH a;DEL a;MULTI;PING;EXEC",
    "SET a 1;WATCH a;FLUSHALL;MULTI;PING;EXEC;WATCH a;FLUSHALL;MULTI;PING;EXEC;SET a 1;WATCH a;EXPIRE a 100;MULTI;PING;EXEC",
    "MULTI;BLPOP l 0;RPUSH l 1;BLPOP l 0;BRPOP l 0;SELECT 1;SET a 1;PING;ECHO x;PUBLISH a b;EXEC;GET a",
    "SUBSCRIBE a b;SUBSCRIBE a;PSUBSCRIBE a*;GET a;PING;PING x;PING a b;UNSUBSCRIBE a;UNSUBSCRIBE zzz;PUNSUBSCRIBE;UNSUBSCRIBE;PING",
    "UNSUBSCRIBE;PUNSUBSCRIBE;UNSUBSCRIBE x y;SUBSCRIBE a;FOO;GET;MULTI;EXEC;PUBLISH a b;RESET;PING;GET a",
    "SUBSCRIBE;PSUBSCRIBE;PUBLISH a;PUBLISH a b;PUBSUB;PUBSUB CHANNELS;PUBSUB NUMSUB;PUBSUB NUMSUB a b;PUBSUB NUMPAT",
    "MULTI;SUBSCRIBE a;EXEC;PING;RESET;MULTI;SUBSCRIBE a;PING;EXEC;GET x",
    "SUBSCRIBE a;PUBLISH a x;BLPOP l 0.01;PSUBSCRIBE b*;PUBLISH bb x;HELLO 2;GET x;PING;HELLO 3;RESET;GET x",
    "MULTI;SUBSCRIBE a;PUBLISH a x;UNSUBSCRIBE a;PUBLISH a y;EXEC;MULTI;PSUBSCRIBE a*;PUBLISH ab x;PUBLISH ac y;EXEC;PING",
    "MULTI;HELLO 3;GET a;SUBSCRIBE a;HELLO 2;PUBLISH a x;EXEC;RESET;HELLO 3;WATCH a;SET a 1;MULTI;EXEC;HELLO;RESET;HELLO",
    "HELLO 3 AUTH default x SETNAME me;CLIENT GETNAME;HELLO 2 SETNAME you AUTH a b;CLIENT GETNAME;GET no;HELLO 03;HELLO 3 X;GET no",
    "EXEC a;MULTI;EXEC a;EXEC;MULTI;SUBSCRIBE x;EXEC;MULTI;EXEC",
    "HELLO x;HELLO 2 FOO;HELLO 2 SETNAME;HELLO 4;HELLO 1;HELLO 2 AUTH a b;HELLO 2 AUTH default",
    "AUTH x;AUTH x y;AUTH;AUTH a b c;AUTH default x;AUTH DEFAULT x",
    "CLIENT GETNAME;CLIENT SETNAME foo;CLIENT GETNAME;CLIENT SETNAME 'a b';CLIENT FOO;CLIENT SETNAME '';CLIENT GETNAME;CLIENT",
    "CLIENT ID x;CLIENT GETNAME x;CLIENT SETNAME;COMMAND COUNT x;PUBSUB NUMPAT x;CONFIG RESETSTAT x;CONFIG GET save",
    "CONFIG GET save;CONFIG GET appendonly;CONFIG GET nope;CONFIG FOO;CONFIG GET;CONFIG;COMMAND FOO;COMMAND INFO nope;RESET;QUIT a",
    "\"PING\";'PING';\"ECHO\" \"a\\x00\\n\\\"\";ECHO 'it\\'s';ECHO \"\\xzz\";ECHO a\"b\";ECHO a\"b\"c",
];

const INVALID: &[&str] = &[
    "ECHO \"abc\r\n",
    "ECHO \"abc\"d\r\n",
    "ECHO 'abc\r\n",
    "*1\r\n$4\r\nPING\r\n*0\r\n*-1\r\n*-10\r\n\r\n\r\n   \r\nPING\r\n",
    "*x\r\n",
    "*1x\r\n",
    "*\r\n",
    "*01\r\n$4\r\nPING\r\n",
    "*+1\r\n$4\r\nPING\r\n",
    "*2147483648\r\n",
    "*9999999999999999999999\r\n",
    "*1\r\n4\r\nPING\r\n",
    "*1\r\n\r\nPING\r\n",
    "*1\r\nPING\r\n",
    "*1\r\n$-1\r\nPING\r\n",
    "*1\r\n$x\r\nPING\r\n",
    "*1\r\n$\r\nPING\r\n",
    "*1\r\n$04\r\nPING\r\n",
    "*1\r\n$536870913\r\n",
    "*1\r\n$4294967299\r\n",
    "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    "*1\r\n$0\r\n\r\n",
    "*2\r\n$0\r\n\r\n$1\r\na\r\n",
    "PING\nPING\r\n\nPING\n",
    "*1\r\n$4\r\nPING\r\n*1\r\nX\r\n*1\r\n$4\r\nPING\r\n",
    "*1\r\n$6\r\nF\r\nO\r\n\r\n",
];
