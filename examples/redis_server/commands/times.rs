//! When keys expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::store::{Refusal, Store, Time};
use super::{Call, Command, excerpt, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("expire", -3, expire),
    Command::data("expireat", -3, expireat),
    Command::data("expiretime", 2, expiretime),
    Command::data("persist", 2, persist),
    Command::data("pexpire", -3, pexpire),
    Command::data("pexpireat", -3, pexpireat),
    Command::data("pexpiretime", 2, pexpiretime),
    Command::data("pttl", 2, pttl),
    Command::data("ttl", 2, ttl),
];

fn expire(call: &mut Call<'_>) -> Result<(), Refusal> {
    expire_in(call, 1000, false, "ERR invalid expire time in 'expire' command")
}

fn pexpire(call: &mut Call<'_>) -> Result<(), Refusal> {
    expire_in(call, 1, false, "ERR invalid expire time in 'pexpire' command")
}

fn expireat(call: &mut Call<'_>) -> Result<(), Refusal> {
    expire_in(call, 1000, true, "ERR invalid expire time in 'expireat' command")
}

fn pexpireat(call: &mut Call<'_>) -> Result<(), Refusal> {
    expire_in(call, 1, true, "ERR invalid expire time in 'pexpireat' command")
}

fn expire_in(call: &mut Call<'_>, unit: i64, is_absolute: bool, refusal: &'static str) -> Result<(), Refusal> {
    let key = call.args.get(1);
    let condition = Condition::parse(call.args.from(3))?;
    let time = number(call.args.get(2))?;
    let deadline = deadline_after(call.store, time, unit, is_absolute).ok_or(refusal)?;
    let is_set = call.store.deadline(key).is_some_and(|old| condition.allows(old, deadline));
    if is_set {
        call.store.set_deadline(key, Some(deadline));
    }
    call.out.integer(is_set.into());
    Ok(())
}

/// The condition for setting a new time.
#[derive(Default)]
struct Condition {
    if_none: bool,
    if_any: bool,
    if_later: bool,
    if_earlier: bool,
}

impl Condition {
    fn parse<'a>(options: impl Iterator<Item = &'a [u8]>) -> Result<Self, Refusal> {
        let mut condition = Self::default();
        for option in options {
            match option.to_ascii_uppercase().as_slice() {
                b"NX" => condition.if_none = true,
                b"XX" => condition.if_any = true,
                b"GT" => condition.if_later = true,
                b"LT" => condition.if_earlier = true,
                _ => {
                    let text = format!("ERR Unsupported option {}", excerpt(option));
                    return Err(text.trim_end_matches(['\r', '\n']).to_owned().into());
                }
            }
        }
        if condition.if_none && (condition.if_any || condition.if_later || condition.if_earlier) {
            return Err("ERR NX and XX, GT or LT options at the same time are not compatible".into());
        }
        if condition.if_later && condition.if_earlier {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(condition)
    }

    /// No time counts as the latest.
    fn allows(&self, old: Option<Time>, new: Time) -> bool {
        !(self.if_none && old.is_some()
            || self.if_any && old.is_none()
            || self.if_later && old.is_none_or(|old| new <= old)
            || self.if_earlier && old.is_some_and(|old| new >= old))
    }
}

fn ttl(call: &mut Call<'_>) -> Result<(), Refusal> {
    time_left(call, 1000)
}

fn pttl(call: &mut Call<'_>) -> Result<(), Refusal> {
    time_left(call, 1)
}

fn time_left(call: &mut Call<'_>, unit: Time) -> Result<(), Refusal> {
    let deadline = call.store.deadline(call.args.get(1));
    call.out.integer(match deadline {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => (deadline.saturating_sub(call.store.now()).saturating_add(unit / 2) / unit) as i64,
    });
    Ok(())
}

fn expiretime(call: &mut Call<'_>) -> Result<(), Refusal> {
    time_of_expiry(call, 1000)
}

fn pexpiretime(call: &mut Call<'_>) -> Result<(), Refusal> {
    time_of_expiry(call, 1)
}

fn time_of_expiry(call: &mut Call<'_>, unit: Time) -> Result<(), Refusal> {
    let deadline = call.store.deadline(call.args.get(1));
    call.out.integer(match deadline {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => (call.store.zero().saturating_add(deadline).saturating_add(unit / 2) / unit) as i64,
    });
    Ok(())
}

fn persist(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.args.get(1);
    let has_time = call.store.deadline(key).flatten().is_some();
    if has_time {
        call.store.set_deadline(key, None);
    }
    call.out.integer(has_time.into());
    Ok(())
}

/// The point on the store's clock that lies `time` units of `unit` milliseconds after now, or after 1970. `None` if Redis
/// could not count to it. A point in the past becomes now.
pub(crate) fn deadline_after(store: &mut Store, time: i64, unit: i64, is_absolute: bool) -> Option<Time> {
    let time = time.checked_mul(unit)?;
    let (now, zero) = (store.now(), store.zero() as i64);
    let deadline = if is_absolute { time.saturating_sub(zero) } else { time.saturating_add(now as i64) };
    // Redis counts from 1970, and refuses what it cannot count to.
    deadline.checked_add(zero)?;
    Some(deadline.max(now as i64) as Time)
}

/// The time of the system.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
