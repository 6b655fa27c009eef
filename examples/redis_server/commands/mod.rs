//! The commands: their names, how many arguments they take, and what runs them.
//!
//! Most commands need only a store, and write their answer. Those that concern the client, its connection or other clients are
//! [`Special`], and [`Client`](super::client::Client) runs them. So this folder knows neither the loop nor sockets.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`     | the table |
//! | `strings.rs` | strings, and numbers in them |
//! | `lists.rs`   | lists |
//! | `keys.rs`    | keys of any type, and their times |

use std::sync::LazyLock;

use super::answers::Answers;
use super::request::Args;
use super::resp::integer;
use super::store::{Refusal, Store};

mod keys;
mod lists;
mod strings;

pub(crate) use keys::check_flush;

pub(crate) const SYNTAX: Refusal = Refusal::Borrowed("ERR syntax error");
pub(crate) const NOT_AN_INTEGER: Refusal = Refusal::Borrowed("ERR value is not an integer or out of range");

/// A command.
pub(crate) struct Command {
    /// In lower case, as Redis names it in errors.
    pub(crate) name: &'static str,
    /// The number of arguments, with the name. At least as many if negative.
    pub(crate) arity: i32,
    pub(crate) action: Action,
}

/// Runs a command, and writes its answer. A refusal is written by the caller.
pub(crate) type Run = fn(&mut Call<'_>) -> Result<(), Refusal>;

#[derive(Clone, Copy)]
pub(crate) enum Action {
    Data(Run),
    Special(Special),
}

/// A command that needs more than a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Auth,
    BlockingPop,
    Client,
    Command,
    Config,
    Discard,
    Echo,
    Exec,
    FlushAll,
    Hello,
    Info,
    Multi,
    Ping,
    PSubscribe,
    Publish,
    PubSub,
    PUnsubscribe,
    Quit,
    Reset,
    Select,
    Subscribe,
    Unsubscribe,
    Unwatch,
    Watch,
}

/// A call of a command on a store.
pub(crate) struct Call<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) args: Args<'a>,
    pub(crate) out: Answers<'a>,
}

impl Command {
    const fn data(name: &'static str, arity: i32, run: Run) -> Self {
        Self { name, arity, action: Action::Data(run) }
    }

    const fn special(name: &'static str, arity: i32, special: Special) -> Self {
        Self { name, arity, action: Action::Special(special) }
    }

    /// The command with this name, in any case.
    #[inline]
    pub(crate) fn find(name: &[u8]) -> Option<&'static Self> {
        let packed = pack(name)?;
        let names = &**NAMES;
        names.binary_search_by_key(&packed, |(name, _)| *name).ok().map(|found| names[found].1)
    }

    /// What Redis answers if the command cannot run: `EXEC` discards its transaction then.
    #[cold]
    pub(crate) fn refused(&self, refusal: Refusal) -> Refusal {
        if !self.is(Special::Exec) {
            return refusal;
        }
        let why = refusal.strip_prefix("ERR ").unwrap_or(&refusal);
        format!("EXECABORT Transaction discarded because of: {why}").into()
    }

    pub(crate) fn is(&self, special: Special) -> bool {
        matches!(self.action, Action::Special(other) if other == special)
    }

    /// Whether a client that subscribes to something may use it.
    pub(crate) fn is_for_subscribers(&self) -> bool {
        use Special::{PSubscribe, PUnsubscribe, Ping, Quit, Reset, Subscribe, Unsubscribe};
        [Subscribe, PSubscribe, Unsubscribe, PUnsubscribe, Ping, Quit, Reset].iter().any(|special| self.is(*special))
    }

    /// Whether it runs at once in a transaction.
    pub(crate) fn is_for_transactions(&self) -> bool {
        use Special::{Discard, Exec, Multi, Quit, Reset, Watch};
        [Exec, Discard, Multi, Watch, Quit, Reset].iter().any(|special| self.is(*special))
    }

    pub(crate) fn all() -> &'static [Self] {
        COMMANDS
    }

    /// # Errors
    ///
    /// What Redis answers if there are too few arguments, or too many.
    #[inline]
    pub(crate) fn check_count(&self, count: usize) -> Result<(), Refusal> {
        let wanted = self.arity.unsigned_abs() as usize;
        if count == wanted || self.arity < 0 && count > wanted { Ok(()) } else { Err(self.wrong_count()) }
    }

    #[cold]
    fn wrong_count(&self) -> Refusal {
        format!("ERR wrong number of arguments for '{}' command", self.name).into()
    }
}

/// What Redis answers to a command that it does not know.
#[cold]
pub(crate) fn unknown(args: Args<'_>) -> Refusal {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(128)]).into_owned();
    let mut text = format!("ERR unknown command '{}', with args beginning with: ", shown(args.get(0)));
    let start = text.len();
    for arg in args.from(1) {
        if text.len() - start >= 128 {
            break;
        }
        let room = 128 - (text.len() - start);
        text += &format!("'{}' ", shown(&arg[..arg.len().min(room)]));
    }
    text.into()
}

/// The number that an argument must be.
pub(crate) fn number(arg: &[u8]) -> Result<i64, Refusal> {
    integer(arg).ok_or(NOT_AN_INTEGER)
}

/// A name in upper case, as a number. `None` if it is longer than any command's.
#[inline]
fn pack(name: &[u8]) -> Option<u128> {
    if name.len() > 16 {
        return None;
    }
    Some(name.iter().fold(0, |packed, byte| packed << 8 | u128::from(byte.to_ascii_uppercase())))
}

/// Numbers are found faster than texts.
static NAMES: LazyLock<Vec<(u128, &'static Command)>> = LazyLock::new(|| {
    let packed = |command: &'static Command| pack(command.name.as_bytes()).map(|name| (name, command));
    let mut names: Vec<_> = COMMANDS.iter().filter_map(packed).collect();
    names.sort_by_key(|(name, _)| *name);
    names
});

static COMMANDS: &[Command] = &[
    Command::data("append", 3, strings::append),
    Command::special("auth", -2, Special::Auth),
    Command::special("blpop", -3, Special::BlockingPop),
    Command::special("brpop", -3, Special::BlockingPop),
    Command::special("client", -2, Special::Client),
    Command::special("command", -1, Special::Command),
    Command::special("config", -2, Special::Config),
    Command::data("dbsize", 1, keys::dbsize),
    Command::data("decr", 2, strings::decr),
    Command::data("decrby", 3, strings::decrby),
    Command::data("del", -2, keys::del),
    Command::special("discard", 1, Special::Discard),
    Command::special("echo", 2, Special::Echo),
    Command::special("exec", 1, Special::Exec),
    Command::data("exists", -2, keys::exists),
    Command::data("expire", -3, keys::expire),
    Command::data("expireat", -3, keys::expireat),
    Command::special("flushall", -1, Special::FlushAll),
    Command::data("flushdb", -1, keys::flushdb),
    Command::data("get", 2, strings::get),
    Command::data("getdel", 2, strings::getdel),
    Command::data("getset", 3, strings::getset),
    Command::special("hello", -1, Special::Hello),
    Command::data("incr", 2, strings::incr),
    Command::data("incrby", 3, strings::incrby),
    Command::special("info", -1, Special::Info),
    Command::data("keys", 2, keys::keys),
    Command::data("lindex", 3, lists::lindex),
    Command::data("llen", 2, lists::llen),
    Command::data("lpop", -2, lists::lpop),
    Command::data("lpush", -3, lists::lpush),
    Command::data("lpushx", -3, lists::lpushx),
    Command::data("lrange", 4, lists::lrange),
    Command::data("lrem", 4, lists::lrem),
    Command::data("lset", 4, lists::lset),
    Command::data("ltrim", 4, lists::ltrim),
    Command::data("mget", -2, strings::mget),
    Command::data("mset", -3, strings::mset),
    Command::special("multi", 1, Special::Multi),
    Command::data("persist", 2, keys::persist),
    Command::data("pexpire", -3, keys::pexpire),
    Command::data("pexpireat", -3, keys::pexpireat),
    Command::special("ping", -1, Special::Ping),
    Command::data("psetex", 4, strings::psetex),
    Command::special("psubscribe", -2, Special::PSubscribe),
    Command::data("pttl", 2, keys::pttl),
    Command::special("publish", 3, Special::Publish),
    Command::special("pubsub", -2, Special::PubSub),
    Command::special("punsubscribe", -1, Special::PUnsubscribe),
    Command::special("quit", -1, Special::Quit),
    Command::special("reset", 1, Special::Reset),
    Command::data("rpop", -2, lists::rpop),
    Command::data("rpush", -3, lists::rpush),
    Command::data("rpushx", -3, lists::rpushx),
    Command::special("select", 2, Special::Select),
    Command::data("set", -3, strings::set),
    Command::data("setex", 4, strings::setex),
    Command::data("setnx", 3, strings::setnx),
    Command::data("strlen", 2, strings::strlen),
    Command::special("subscribe", -2, Special::Subscribe),
    Command::data("touch", -2, keys::exists),
    Command::data("ttl", 2, keys::ttl),
    Command::data("type", 2, keys::type_of),
    Command::data("unlink", -2, keys::del),
    Command::special("unsubscribe", -1, Special::Unsubscribe),
    Command::special("unwatch", 1, Special::Unwatch),
    Command::special("watch", -2, Special::Watch),
];
