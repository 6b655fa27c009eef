//! Lists.

use std::ops::Range;

use super::super::resp::integer;
use super::super::store::{End, List, Refusal};
use super::{Call, Command, SYNTAX, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("lindex", 3, lindex),
    Command::data("linsert", 5, linsert),
    Command::data("llen", 2, llen),
    Command::data("lmove", 5, lmove),
    Command::data("lpop", -2, lpop),
    Command::data("lpos", -3, lpos),
    Command::data("lpush", -3, lpush),
    Command::data("lpushx", -3, lpushx),
    Command::data("lrange", 4, lrange),
    Command::data("lrem", 4, lrem),
    Command::data("lset", 4, lset),
    Command::data("ltrim", 4, ltrim),
    Command::data("rpop", -2, rpop),
    Command::data("rpoplpush", 3, rpoplpush),
    Command::data("rpush", -3, rpush),
    Command::data("rpushx", -3, rpushx),
];

fn lpush(call: &mut Call<'_>) -> Result<(), Refusal> {
    push(call, End::Left)
}

fn rpush(call: &mut Call<'_>) -> Result<(), Refusal> {
    push(call, End::Right)
}

fn push(call: &mut Call<'_>, end: End) -> Result<(), Refusal> {
    let length = call.store.push(call.args.get(1), end, call.args.from(2))?;
    call.out.count(length);
    Ok(())
}

fn lpushx(call: &mut Call<'_>) -> Result<(), Refusal> {
    push_if_there(call, End::Left)
}

fn rpushx(call: &mut Call<'_>) -> Result<(), Refusal> {
    push_if_there(call, End::Right)
}

fn push_if_there(call: &mut Call<'_>, end: End) -> Result<(), Refusal> {
    if call.store.read::<List>(call.args.get(1))?.is_some() {
        return push(call, end);
    }
    call.out.integer(0);
    Ok(())
}

fn lpop(call: &mut Call<'_>) -> Result<(), Refusal> {
    pop(call, End::Left, "ERR wrong number of arguments for 'lpop' command")
}

fn rpop(call: &mut Call<'_>) -> Result<(), Refusal> {
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
    let count = integer(call.args.get(2)).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or("ERR value is out of range, must be positive")?;
    let Some(length) = call.store.read::<List>(key)?.map(|list| list.len()) else {
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

fn llen(call: &mut Call<'_>) -> Result<(), Refusal> {
    let length = call.store.read::<List>(call.args.get(1))?.map_or(0, |list| list.len());
    call.out.count(length);
    Ok(())
}

fn lindex(call: &mut Call<'_>) -> Result<(), Refusal> {
    let Some(list) = call.store.read::<List>(call.args.get(1))? else {
        call.out.nil();
        return Ok(());
    };
    let place = place(number(call.args.get(2))?, list.len());
    call.out.bulk_or_nil(place.and_then(|place| list.get(place)).map(|item| &**item));
    Ok(())
}

fn lset(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (key, item) = (call.args.get(1), call.args.get(3));
    let length = call.store.read::<List>(key)?.ok_or("ERR no such key")?.len();
    let index = number(call.args.get(2))?;
    let place = place(index, length).filter(|place| *place < length).ok_or("ERR index out of range")?;
    call.store.change_list(key, |list| list[place] = item.into())?;
    call.out.ok();
    Ok(())
}

fn lrange(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (first, last) = (number(call.args.get(2))?, number(call.args.get(3))?);
    let Some(list) = call.store.read::<List>(call.args.get(1))? else {
        call.out.array(0);
        return Ok(());
    };
    let range = range(first, last, list.len());
    call.out.array(range.len());
    list.range(range).for_each(|item| call.out.bulk(item));
    Ok(())
}

fn ltrim(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (first, last) = (number(call.args.get(2))?, number(call.args.get(3))?);
    call.store.change_list(call.args.get(1), |list| {
        let range = range(first, last, list.len());
        list.truncate(range.end);
        drop(list.drain(..range.start));
    })?;
    call.out.ok();
    Ok(())
}

fn lrem(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (count, item) = (number(call.args.get(2))?, call.args.get(3));
    let limit = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    if call.store.read::<List>(call.args.get(1))?.is_none_or(|list| !list.iter().any(|other| **other == *item)) {
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

fn linsert(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (pivot, item) = (call.args.get(3), call.args.get(4));
    let after = match call.args.get(2).to_ascii_uppercase().as_slice() {
        b"BEFORE" => 0,
        b"AFTER" => 1,
        _ => return Err(SYNTAX),
    };
    let place = call.store.read::<List>(call.args.get(1))?.map(|list| list.iter().position(|other| **other == *pivot));
    call.out.integer(match place {
        None => 0,
        Some(None) => -1,
        Some(Some(place)) => {
            let length = call.store.change_list(call.args.get(1), |list| {
                list.insert(place + after, item.into());
                list.len()
            })?;
            length.unwrap_or(0) as i64
        }
    });
    Ok(())
}

fn rpoplpush(call: &mut Call<'_>) -> Result<(), Refusal> {
    move_item(call, End::Right, End::Left)
}

fn lmove(call: &mut Call<'_>) -> Result<(), Refusal> {
    let end = |name: &[u8]| match name.to_ascii_uppercase().as_slice() {
        b"LEFT" => Ok(End::Left),
        b"RIGHT" => Ok(End::Right),
        _ => Err(SYNTAX),
    };
    let (from, to) = (end(call.args.get(3))?, end(call.args.get(4))?);
    move_item(call, from, to)
}

fn move_item(call: &mut Call<'_>, from: End, to: End) -> Result<(), Refusal> {
    let (source, target) = (call.args.get(1), call.args.get(2));
    if call.store.read::<List>(source)?.is_some() {
        call.store.read::<List>(target)?;
    }
    let Some(item) = call.store.change_list(source, |list| from.pop(list))?.flatten() else {
        call.out.nil();
        return Ok(());
    };
    call.store.push(target, to, [&*item].into_iter())?;
    call.out.bulk(&item);
    Ok(())
}

/// The places of an item.
fn lpos(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (mut rank, mut count, mut limit) = (1, None, 0);
    let mut rest = call.args.from(3);
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or(SYNTAX)?;
        let natural =
            |refusal: &'static str| integer(value).and_then(|value| usize::try_from(value).ok()).ok_or(refusal);
        match option.to_ascii_uppercase().as_slice() {
            b"RANK" => rank = number(value)?,
            b"COUNT" => count = Some(natural("ERR COUNT can't be negative")?),
            b"MAXLEN" => limit = natural("ERR MAXLEN can't be negative")?,
            _ => return Err(SYNTAX),
        }
        if rank == 0 {
            return Err(
                "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative \
                        to start from the end of the list"
                    .into(),
            );
        }
    }
    let places = |list: &List| {
        let wanted = |place: &usize| *list[*place] == *call.args.get(2);
        let limit = if limit == 0 { list.len() } else { limit };
        let skipped = usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
        let count = count.map_or(1, |count| if count == 0 { usize::MAX } else { count });
        let found: Vec<usize> = if rank > 0 {
            (0..list.len()).take(limit).filter(wanted).skip(skipped).take(count).collect()
        } else {
            (0..list.len()).rev().take(limit).filter(wanted).skip(skipped).take(count).collect()
        };
        found
    };
    let found = call.store.read::<List>(call.args.get(1))?.map(places).unwrap_or_default();
    if count.is_some() {
        call.out.array(found.len());
        found.into_iter().for_each(|place| call.out.count(place));
    } else if let Some(place) = found.first() {
        call.out.count(*place);
    } else {
        call.out.nil();
    }
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
pub(super) fn range(first: i64, last: i64, length: usize) -> Range<usize> {
    let start = if first < 0 { place(first, length).unwrap_or(0) } else { usize::try_from(first).unwrap_or(length) };
    let end = match usize::try_from(last) {
        Ok(last) => last.saturating_add(1).min(length),
        Err(_) if last < 0 => place(last, length).map_or(0, |last| last + 1),
        Err(_) => length,
    };
    start.min(end)..end
}
