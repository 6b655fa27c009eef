//! Strings.

use super::super::request::Args;
use super::super::store::{Refusal, Time};
use super::times::deadline_after;
use super::{Call, Command, SYNTAX, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("append", 3, append),
    Command::data("get", 2, get),
    Command::data("getdel", 2, getdel),
    Command::data("getex", -2, getex),
    Command::data("getrange", 4, getrange),
    Command::data("getset", 3, getset),
    Command::data("mget", -2, mget),
    Command::data("mset", -3, mset),
    Command::data("msetnx", -3, msetnx),
    Command::data("psetex", 4, psetex),
    Command::data("set", -3, set),
    Command::data("setex", 4, setex),
    Command::data("setnx", 3, setnx),
    Command::data("setrange", 4, setrange),
    Command::data("strlen", 2, strlen),
    Command::data("substr", 4, getrange),
];

/// The longest string, in bytes, as in Redis.
const LONGEST: usize = 512 << 20;

const TOO_LONG: Refusal = Refusal::Borrowed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

fn get(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.out.bulk_or_nil(call.store.text(call.args.get(1))?);
    Ok(())
}

fn getdel(call: &mut Call<'_>) -> Result<(), Refusal> {
    get(call)?;
    call.store.remove(call.args.get(1));
    Ok(())
}

/// Reads a string, and changes its time.
fn getex(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (mut persists, mut time) = (false, None::<TimeOption<'_>>);
    let mut rest = call.args.from(2);
    while let Some(option) = rest.next() {
        match option.to_ascii_uppercase().as_slice() {
            b"PERSIST" if time.is_none() => persists = true,
            other => {
                let new = TimeOption::parse(other, &mut rest)?;
                if persists || time.as_ref().is_some_and(|time| !time.is_like(&new)) {
                    return Err(SYNTAX);
                }
                time = Some(new);
            }
        }
    }
    let key = call.args.get(1);
    let is_there = call.store.text(key)?.is_some();
    let time = time.filter(|_| is_there);
    let deadline = time.map(|time| time.deadline(call, "ERR invalid expire time in 'getex' command")).transpose()?;
    get(call)?;
    if deadline.is_some() || persists && call.store.deadline(key).flatten().is_some() {
        call.store.set_deadline(key, deadline);
    }
    Ok(())
}

fn getrange(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (first, last) = (number(call.args.get(2))?, number(call.args.get(3))?);
    let text = call.store.text(call.args.get(1))?.unwrap_or_default();
    // Places before the start count as the start, even the last one.
    let place = |index: i64| if index < 0 { index.saturating_add(text.len() as i64).max(0) } else { index } as usize;
    let (start, end) = (place(first), place(last).saturating_add(1).min(text.len()));
    let is_empty = first < 0 && last < 0 && first > last || start >= end;
    call.out.bulk(if is_empty { b"" } else { &text[start..end] });
    Ok(())
}

fn setrange(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (key, part) = (call.args.get(1), call.args.get(3));
    let start = usize::try_from(number(call.args.get(2))?).map_err(|_| "ERR offset is out of range")?;
    if part.is_empty() {
        return strlen(call);
    }
    call.store.text(key)?;
    let end = start.checked_add(part.len()).filter(|end| *end <= LONGEST).ok_or(TOO_LONG)?;
    let length = call.store.change_text(key, b"", |text| {
        text.resize(text.len().max(end), 0);
        text[start..end].copy_from_slice(part);
        Ok(text.len())
    })?;
    call.out.count(length);
    Ok(())
}

fn getset(call: &mut Call<'_>) -> Result<(), Refusal> {
    get(call)?;
    call.store.set(call.args.get(1), call.args.get(2), None);
    Ok(())
}

fn strlen(call: &mut Call<'_>) -> Result<(), Refusal> {
    let text = call.store.text(call.args.get(1))?;
    call.out.count(text.map_or(0, <[u8]>::len));
    Ok(())
}

fn mget(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.out.array(call.args.len() - 1);
    for key in call.args.from(1) {
        // A value that is no string counts as missing.
        call.out.bulk_or_nil(call.store.text(key).ok().flatten());
    }
    Ok(())
}

fn mset(call: &mut Call<'_>) -> Result<(), Refusal> {
    if call.args.len().is_multiple_of(2) {
        return Err("ERR wrong number of arguments for 'mset' command".into());
    }
    set_all(call);
    call.out.ok();
    Ok(())
}

/// Sets all keys, or none if one of them exists.
fn msetnx(call: &mut Call<'_>) -> Result<(), Refusal> {
    if call.args.len().is_multiple_of(2) {
        return Err("ERR wrong number of arguments for 'msetnx' command".into());
    }
    let are_free = call.args.from(1).step_by(2).all(|key| call.store.entry(key).is_none());
    if are_free {
        set_all(call);
    }
    call.out.integer(are_free.into());
    Ok(())
}

fn set_all(call: &mut Call<'_>) {
    for index in (1..call.args.len()).step_by(2) {
        call.store.set(call.args.get(index), call.args.get(index + 1), None);
    }
}

fn set(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (key, text) = (call.args.get(1), call.args.get(2));
    if call.args.len() == 3 {
        call.store.set(key, text, None);
        call.out.ok();
        return Ok(());
    }
    let SetOptions { only_if, gives_old, time } = SetOptions::parse(call.args)?;
    let deadline = match time {
        SetTime::None => None,
        SetTime::Keep => call.store.deadline(key).flatten(),
        SetTime::In(time) => Some(time.deadline(call, "ERR invalid expire time in 'set' command")?),
    };
    if gives_old {
        call.out.bulk_or_nil(call.store.text(key)?);
    }
    let is_wanted = only_if.is_none_or(|exists| call.store.entry(key).is_some() == exists);
    if is_wanted {
        call.store.set(key, text, deadline);
    }
    match (gives_old, is_wanted) {
        (true, _) => {}
        (false, true) => call.out.ok(),
        (false, false) => call.out.nil(),
    }
    Ok(())
}

/// The options of `SET`.
struct SetOptions<'a> {
    /// Only if the key exists, or only if not.
    only_if: Option<bool>,
    gives_old: bool,
    time: SetTime<'a>,
}

enum SetTime<'a> {
    None,
    Keep,
    In(TimeOption<'a>),
}

/// `EX 10`, or one of its kind. The time is no number yet: Redis looks at all options first.
struct TimeOption<'a> {
    time: &'a [u8],
    unit: i64,
    is_absolute: bool,
}

impl<'a> TimeOption<'a> {
    fn parse(option: &[u8], rest: &mut impl Iterator<Item = &'a [u8]>) -> Result<Self, Refusal> {
        let (unit, is_absolute) = match option {
            b"EX" => (1000, false),
            b"PX" => (1, false),
            b"EXAT" => (1000, true),
            b"PXAT" => (1, true),
            _ => return Err(SYNTAX),
        };
        Ok(Self { time: rest.next().ok_or(SYNTAX)?, unit, is_absolute })
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.unit, self.is_absolute) == (other.unit, other.is_absolute)
    }

    fn deadline(&self, call: &mut Call<'_>, refusal: &'static str) -> Result<Time, Refusal> {
        let time = number(self.time)?;
        let deadline = deadline_after(call.store, time, self.unit, self.is_absolute);
        Ok(deadline.filter(|_| time > 0).ok_or(refusal)?)
    }
}

impl SetTime<'_> {
    /// Whether the other one may follow in the same command. The last one counts.
    fn may_become(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, _) | (Self::Keep, Self::Keep) => true,
            (Self::In(time), Self::In(other)) => time.is_like(other),
            _ => false,
        }
    }
}

impl<'a> SetOptions<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Refusal> {
        let mut options = Self { only_if: None, gives_old: false, time: SetTime::None };
        let mut rest = args.from(3);
        while let Some(option) = rest.next() {
            let time = match option.to_ascii_uppercase().as_slice() {
                b"NX" if options.only_if != Some(true) => {
                    options.only_if = Some(false);
                    continue;
                }
                b"XX" if options.only_if != Some(false) => {
                    options.only_if = Some(true);
                    continue;
                }
                b"GET" => {
                    options.gives_old = true;
                    continue;
                }
                b"KEEPTTL" => SetTime::Keep,
                other => SetTime::In(TimeOption::parse(other, &mut rest)?),
            };
            if !options.time.may_become(&time) {
                return Err(SYNTAX);
            }
            options.time = time;
        }
        Ok(options)
    }
}

fn setnx(call: &mut Call<'_>) -> Result<(), Refusal> {
    let is_free = call.store.entry(call.args.get(1)).is_none();
    if is_free {
        call.store.set(call.args.get(1), call.args.get(2), None);
    }
    call.out.integer(is_free.into());
    Ok(())
}

fn setex(call: &mut Call<'_>) -> Result<(), Refusal> {
    set_for(call, 1000, "ERR invalid expire time in 'setex' command")
}

fn psetex(call: &mut Call<'_>) -> Result<(), Refusal> {
    set_for(call, 1, "ERR invalid expire time in 'psetex' command")
}

fn set_for(call: &mut Call<'_>, unit: i64, refusal: &'static str) -> Result<(), Refusal> {
    let time = number(call.args.get(2))?;
    let deadline: Option<Time> = deadline_after(call.store, time, unit, false).filter(|_| time > 0);
    call.store.set(call.args.get(1), call.args.get(3), Some(deadline.ok_or(refusal)?));
    call.out.ok();
    Ok(())
}

fn append(call: &mut Call<'_>) -> Result<(), Refusal> {
    let more = call.args.get(2);
    let length = call.store.change_text(call.args.get(1), b"", |text| {
        if text.len() + more.len() > LONGEST {
            return Err(TOO_LONG);
        }
        text.extend_from_slice(more);
        Ok(text.len())
    })?;
    call.out.count(length);
    Ok(())
}
