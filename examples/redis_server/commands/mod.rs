//! The commands: their names, how many arguments they take, and what runs them.
//!
//! Most commands need only a store, and write their answer. Those that concern the client, its connection or other clients are
//! [`Special`], and [`Client`](super::client::Client) runs them. So this folder knows neither the loop nor sockets.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`        | how a command is found |
//! | `special.rs`    | the names of those that are special |
//! | `keys.rs`       | keys of any type |
//! | `times.rs`      | their times |
//! | `scan.rs`       | visiting all keys or elements in parts |
//! | `strings.rs`    | strings |
//! | `numbers.rs`    | numbers in strings |
//! | `lists.rs`      | lists |
//! | `sets.rs`       | sets |
//! | `hashes.rs`     | hashes |
//! | `sorted.rs`     | sorted sets |
//! | `ranges.rs`     | ranges of sorted sets |

use std::borrow::Cow;
use std::sync::LazyLock;

use super::answers::Answers;
use super::request::Args;
use super::resp::integer;
use super::store::{Refusal, Store};

mod hashes;
mod keys;
mod lists;
mod numbers;
mod ranges;
mod scan;
mod sets;
mod sorted;
mod special;
mod strings;
mod times;

pub(crate) use keys::check_flush;
pub(crate) use special::Special;
pub(crate) use times::since_1970;

pub(crate) const SYNTAX: Refusal = Refusal::Borrowed("ERR syntax error");
const NOT_A_FLOAT: Refusal = Refusal::Borrowed("ERR value is not a valid float");
pub(crate) const NOT_AN_INTEGER: Refusal = Refusal::Borrowed("ERR value is not an integer or out of range");

/// A command.
pub(crate) struct Command {
    /// In lower case, as Redis names it in errors.
    pub(crate) name: &'static str,
    /// The number of arguments, with the name. At least as many if negative.
    pub(crate) arity: i32,
    pub(crate) action: Action,
    subcommands: &'static [Subcommand],
}

/// The name of a subcommand, and the number of arguments, with both names. At least as many if negative.
type Subcommand = (&'static str, i32);

/// Runs a command, and writes its answer. A refusal is written by the caller.
pub(crate) type Run = fn(&mut Call<'_>) -> Result<(), Refusal>;

#[derive(Clone, Copy)]
pub(crate) enum Action {
    Data(Run),
    Special(Special),
}

/// A call of a command on a store.
pub(crate) struct Call<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) args: Args<'a>,
    pub(crate) out: Answers<'a>,
}

impl Command {
    const fn data(name: &'static str, arity: i32, run: Run) -> Self {
        Self { name, arity, action: Action::Data(run), subcommands: &[] }
    }

    const fn special(name: &'static str, arity: i32, special: Special) -> Self {
        Self { name, arity, action: Action::Special(special), subcommands: &[] }
    }

    const fn with(self, subcommands: &'static [Subcommand]) -> Self {
        Self { subcommands, ..self }
    }

    /// The command with this name, in any case.
    #[inline]
    pub(crate) fn find(name: &[u8]) -> Option<&'static Self> {
        let packed = pack(name)?;
        let mut place = first_place(packed);
        loop {
            let (name, command) = NAMES[place]?;
            if name == packed {
                return Some(command);
            }
            place = (place + 1) % PLACES;
        }
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

    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        FAMILIES.iter().copied().flatten()
    }

    /// Whether its arguments are as many as they should be, and its subcommand is known.
    ///
    /// # Errors
    ///
    /// What Redis answers if not.
    #[inline]
    pub(crate) fn check(&self, args: Args<'_>) -> Result<(), Refusal> {
        if !is_right(self.arity, args.len()) {
            return Err(wrong_count(self.name));
        }
        if self.subcommands.is_empty() { Ok(()) } else { self.check_subcommand(args) }
    }

    fn check_subcommand(&self, args: Args<'_>) -> Result<(), Refusal> {
        let Some(name) = args.from(1).next() else { return Ok(()) };
        match self.subcommand(name) {
            Some((_, arity)) if is_right(*arity, args.len()) => Ok(()),
            Some((known, _)) => Err(wrong_count(&format!("{}|{known}", self.name))),
            None => {
                let name = excerpt(&name[..name.len().min(128)]);
                Err(format!("ERR unknown subcommand '{name}'. Try {} HELP.", self.name.to_uppercase()).into())
            }
        }
    }

    fn subcommand(&self, name: &[u8]) -> Option<&Subcommand> {
        self.subcommands.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
    }

    /// The name with that of the subcommand, as Redis names it in errors.
    pub(crate) fn full_name(&self, args: Args<'_>) -> String {
        match args.from(1).next().and_then(|name| self.subcommand(name)) {
            Some((subcommand, _)) => format!("{}|{subcommand}", self.name),
            None => self.name.to_owned(),
        }
    }
}

#[inline]
const fn is_right(arity: i32, count: usize) -> bool {
    let wanted = arity.unsigned_abs() as usize;
    count == wanted || arity < 0 && count > wanted
}

#[cold]
fn wrong_count(name: &str) -> Refusal {
    format!("ERR wrong number of arguments for '{name}' command").into()
}

/// The words of a client as an error shows them: up to the first zero, which ends a text in C.
pub(crate) fn excerpt(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
}

/// What Redis answers to a command that it does not know.
#[cold]
pub(crate) fn unknown(args: Args<'_>) -> Refusal {
    let shown = |bytes: &[u8]| excerpt(&bytes[..bytes.len().min(128)]).into_owned();
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

/// A name in upper case, as a number. `None` if it is longer than any command's, or begins with a zero, which the number would
/// not show.
#[inline]
fn pack(name: &[u8]) -> Option<u128> {
    if name.len() > 16 || name.first() == Some(&0) {
        return None;
    }
    Some(name.iter().fold(0, |packed, byte| packed << 8 | u128::from(byte.to_ascii_uppercase())))
}

/// Where the search for a name begins.
#[inline]
const fn first_place(packed: u128) -> usize {
    let folded = packed as u64 ^ (packed >> 64) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % PLACES
}

/// Many more than there are commands, so most names are found at once.
const PLACES: usize = 1024;

type Names = [Option<(u128, &'static Command)>; PLACES];

/// A hash table of the names. Numbers are found faster than texts.
static NAMES: LazyLock<Box<Names>> = LazyLock::new(|| {
    let mut names: Box<Names> = Box::new([None; PLACES]);
    for command in Command::all() {
        let Some(packed) = pack(command.name.as_bytes()) else { continue };
        let mut place = first_place(packed);
        while names[place].is_some() {
            place = (place + 1) % PLACES;
        }
        names[place] = Some((packed, command));
    }
    names
});

/// All commands, by the type of value that they are for.
static FAMILIES: &[&[Command]] = &[
    special::COMMANDS,
    keys::COMMANDS,
    times::COMMANDS,
    scan::COMMANDS,
    strings::COMMANDS,
    numbers::COMMANDS,
    lists::COMMANDS,
    sets::COMMANDS,
    hashes::COMMANDS,
    sorted::COMMANDS,
    ranges::COMMANDS,
];
