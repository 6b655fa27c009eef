//! Lists.

use std::ops::Range;

use super::super::store::{End, Refusal};
use super::{Call, number};

pub(super) fn lpush(call: &mut Call<'_>) -> Result<(), Refusal> {
    push(call, End::Left)
}

pub(super) fn rpush(call: &mut Call<'_>) -> Result<(), Refusal> {
    push(call, End::Right)
}

fn push(call: &mut Call<'_>, end: End) -> Result<(), Refusal> {
    let length = call.store.push(call.args.get(1), end, call.args.from(2))?;
    call.out.count(length);
    Ok(())
}

pub(super) fn lpushx(call: &mut Call<'_>) -> Result<(), Refusal> {
    push_if_there(call, End::Left)
}

pub(super) fn rpushx(call: &mut Call<'_>) -> Result<(), Refusal> {
    push_if_there(call, End::Right)
}

fn push_if_there(call: &mut Call<'_>, end: End) -> Result<(), Refusal> {
    if call.store.list(call.args.get(1))?.is_some() {
        return push(call, end);
    }
    call.out.integer(0);
    Ok(())
}

pub(super) fn lpop(call: &mut Call<'_>) -> Result<(), Refusal> {
    pop(call, End::Left, "ERR wrong number of arguments for 'lpop' command")
}

pub(super) fn rpop(call: &mut Call<'_>) -> Result<(), Refusal> {
    pop(call, End::Right, "ERR wrong number of arguments for 'rpop' command")
}

fn pop(call: &mut Call<'_>, end: End, wrong_count: &'static str) -> Result<(), Refusal> {
    let key = call.args.get(1);
    if call.args.len() == 2 {
        let item = call.store.change_list(key, |list| end.pop(list))?;
        call.out.bulk_or_nil(item.flatten().as_deref());
        return Ok(());
    }
    if call.args.len() > 3 {
        return Err(wrong_count.into());
    }
    let count = super::super::resp::integer(call.args.get(2)).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or("ERR value is out of range, must be positive")?;
    let Some(length) = call.store.list(key)?.map(|list| list.len()) else {
        call.out.nil_array();
        return Ok(());
    };
    let count = count.min(length);
    call.out.array(count);
    if count > 0 {
        call.store.change_list(key, |list| {
            for _ in 0..count {
                call.out.bulk_or_nil(end.pop(list).as_deref());
            }
        })?;
    }
    Ok(())
}

pub(super) fn llen(call: &mut Call<'_>) -> Result<(), Refusal> {
    let length = call.store.list(call.args.get(1))?.map_or(0, |list| list.len());
    call.out.count(length);
    Ok(())
}

pub(super) fn lindex(call: &mut Call<'_>) -> Result<(), Refusal> {
    let Some(list) = call.store.list(call.args.get(1))? else {
        call.out.nil();
        return Ok(());
    };
    let place = place(number(call.args.get(2))?, list.len());
    call.out.bulk_or_nil(place.and_then(|place| list.get(place)).map(|item| &**item));
    Ok(())
}

pub(super) fn lset(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (key, item) = (call.args.get(1), call.args.get(3));
    let length = call.store.list(key)?.ok_or("ERR no such key")?.len();
    let index = number(call.args.get(2))?;
    let place = place(index, length).filter(|place| *place < length).ok_or("ERR index out of range")?;
    call.store.change_list(key, |list| list[place] = item.into())?;
    call.out.ok();
    Ok(())
}

pub(super) fn lrange(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (first, last) = (number(call.args.get(2))?, number(call.args.get(3))?);
    let Some(list) = call.store.list(call.args.get(1))? else {
        call.out.array(0);
        return Ok(());
    };
    let range = range(first, last, list.len());
    call.out.array(range.len());
    list.range(range).for_each(|item| call.out.bulk(item));
    Ok(())
}

pub(super) fn ltrim(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (first, last) = (number(call.args.get(2))?, number(call.args.get(3))?);
    call.store.change_list(call.args.get(1), |list| {
        let range = range(first, last, list.len());
        list.truncate(range.end);
        drop(list.drain(..range.start));
    })?;
    call.out.ok();
    Ok(())
}

pub(super) fn lrem(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (count, item) = (number(call.args.get(2))?, call.args.get(3));
    let limit = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    if call.store.list(call.args.get(1))?.is_none_or(|list| !list.iter().any(|other| **other == *item)) {
        call.out.integer(0);
        return Ok(());
    }
    let removed = call.store.change_list(call.args.get(1), |list| {
        let matching = list.iter().filter(|other| ***other == *item).count();
        let removed = matching.min(limit);
        // From the left, the first ones go. From the right, the last ones.
        let mut kept_first = if count < 0 { matching - removed } else { 0 };
        let mut left = removed;
        list.retain(|other| {
            if **other != *item || left == 0 {
                return true;
            }
            if kept_first > 0 {
                kept_first -= 1;
                return true;
            }
            left -= 1;
            false
        });
        removed
    })?;
    call.out.count(removed.unwrap_or(0));
    Ok(())
}

/// The place that an index means. Negative ones count from the end. `None` if it is before the start.
fn place(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(place) => Some(place),
        Err(_) if index < 0 => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
        Err(_) => None,
    }
}

/// The places from the first index to the last one.
fn range(first: i64, last: i64, length: usize) -> Range<usize> {
    let start = if first < 0 { place(first, length).unwrap_or(0) } else { usize::try_from(first).unwrap_or(length) };
    let end = match usize::try_from(last) {
        Ok(last) => last.saturating_add(1).min(length),
        Err(_) if last < 0 => place(last, length).map_or(0, |last| last + 1),
        Err(_) => length,
    };
    start.min(end)..end
}
