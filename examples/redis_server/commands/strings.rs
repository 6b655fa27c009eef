//! Strings, and numbers in them.

use super::super::answers::Digits;
use super::super::request::Args;
use super::super::resp::integer;
use super::super::store::{Refusal, Time};
use super::keys::deadline_after;
use super::{Call, NOT_AN_INTEGER, SYNTAX, number};

/// The longest string, in bytes, as in Redis.
const LONGEST: usize = 512 << 20;

pub(super) fn get(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.out.bulk_or_nil(call.store.text(call.args.get(1))?);
    Ok(())
}

pub(super) fn getdel(call: &mut Call<'_>) -> Result<(), Refusal> {
    get(call)?;
    call.store.remove(call.args.get(1));
    Ok(())
}

pub(super) fn getset(call: &mut Call<'_>) -> Result<(), Refusal> {
    get(call)?;
    call.store.set(call.args.get(1), call.args.get(2), None);
    Ok(())
}

pub(super) fn strlen(call: &mut Call<'_>) -> Result<(), Refusal> {
    let text = call.store.text(call.args.get(1))?;
    call.out.count(text.map_or(0, <[u8]>::len));
    Ok(())
}

pub(super) fn mget(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.out.array(call.args.len() - 1);
    for key in call.args.from(1) {
        // A value that is no string counts as missing.
        call.out.bulk_or_nil(call.store.text(key).ok().flatten());
    }
    Ok(())
}

pub(super) fn mset(call: &mut Call<'_>) -> Result<(), Refusal> {
    if call.args.len().is_multiple_of(2) {
        return Err("ERR wrong number of arguments for 'mset' command".into());
    }
    for index in (1..call.args.len()).step_by(2) {
        call.store.set(call.args.get(index), call.args.get(index + 1), None);
    }
    call.out.ok();
    Ok(())
}

pub(super) fn set(call: &mut Call<'_>) -> Result<(), Refusal> {
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
        SetTime::In { time, unit, is_absolute } => {
            let time = number(time)?;
            Some(deadline_after(call.store.now(), time, unit, is_absolute).filter(|_| time > 0).ok_or(SET_TIME)?)
        }
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

const SET_TIME: Refusal = Refusal::Borrowed("ERR invalid expire time in 'set' command");

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
    /// The time is no number yet: Redis looks at all options first.
    In {
        time: &'a [u8],
        unit: i64,
        is_absolute: bool,
    },
}

impl SetTime<'_> {
    /// Whether the other one may follow in the same command. The last one counts.
    fn may_become(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, _) | (Self::Keep, Self::Keep) => true,
            (Self::In { unit, is_absolute, .. }, Self::In { unit: other, is_absolute: is_other, .. }) => {
                unit == other && is_absolute == is_other
            }
            _ => false,
        }
    }
}

impl<'a> SetOptions<'a> {
    fn parse(args: Args<'a>) -> Result<Self, Refusal> {
        let mut options = Self { only_if: None, gives_old: false, time: SetTime::None };
        let mut rest = args.from(3);
        while let Some(option) = rest.next() {
            let mut timed = |unit, is_absolute| {
                let time = rest.next().ok_or(SYNTAX)?;
                Ok::<_, Refusal>(SetTime::In { time, unit, is_absolute })
            };
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
                b"EX" => timed(1000, false)?,
                b"PX" => timed(1, false)?,
                b"EXAT" => timed(1000, true)?,
                b"PXAT" => timed(1, true)?,
                _ => return Err(SYNTAX),
            };
            if !options.time.may_become(&time) {
                return Err(SYNTAX);
            }
            options.time = time;
        }
        Ok(options)
    }
}

pub(super) fn setnx(call: &mut Call<'_>) -> Result<(), Refusal> {
    let is_free = call.store.entry(call.args.get(1)).is_none();
    if is_free {
        call.store.set(call.args.get(1), call.args.get(2), None);
    }
    call.out.integer(is_free.into());
    Ok(())
}

pub(super) fn setex(call: &mut Call<'_>) -> Result<(), Refusal> {
    set_for(call, 1000, "ERR invalid expire time in 'setex' command")
}

pub(super) fn psetex(call: &mut Call<'_>) -> Result<(), Refusal> {
    set_for(call, 1, "ERR invalid expire time in 'psetex' command")
}

fn set_for(call: &mut Call<'_>, unit: i64, refusal: &'static str) -> Result<(), Refusal> {
    let time = number(call.args.get(2))?;
    let deadline: Option<Time> = deadline_after(call.store.now(), time, unit, false).filter(|_| time > 0);
    call.store.set(call.args.get(1), call.args.get(3), Some(deadline.ok_or(refusal)?));
    call.out.ok();
    Ok(())
}

pub(super) fn append(call: &mut Call<'_>) -> Result<(), Refusal> {
    let more = call.args.get(2);
    let length = call.store.change_text(call.args.get(1), b"", |text| {
        if text.len() + more.len() > LONGEST {
            return Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)".into());
        }
        text.extend_from_slice(more);
        Ok(text.len())
    })?;
    call.out.count(length);
    Ok(())
}

pub(super) fn incr(call: &mut Call<'_>) -> Result<(), Refusal> {
    add(call, 1)
}

pub(super) fn decr(call: &mut Call<'_>) -> Result<(), Refusal> {
    add(call, -1)
}

pub(super) fn incrby(call: &mut Call<'_>) -> Result<(), Refusal> {
    let number = number(call.args.get(2))?;
    add(call, number)
}

pub(super) fn decrby(call: &mut Call<'_>) -> Result<(), Refusal> {
    let number = number(call.args.get(2))?.checked_neg().ok_or("ERR decrement would overflow")?;
    add(call, number)
}

fn add(call: &mut Call<'_>, number: i64) -> Result<(), Refusal> {
    let sum = call.store.change_text(call.args.get(1), b"0", |text| {
        let sum = integer(text).ok_or(NOT_AN_INTEGER)?.checked_add(number);
        let sum = sum.ok_or("ERR increment or decrement would overflow")?;
        text.clear();
        text.extend_from_slice(Digits::of(sum).bytes());
        Ok(sum)
    })?;
    call.out.integer(sum);
    Ok(())
}
