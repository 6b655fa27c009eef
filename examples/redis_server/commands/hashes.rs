//! Hashes: maps of fields to values.

use super::super::answers::Digits;
use super::super::floats;
use super::super::resp::integer;
use super::super::store::{Hash, Refusal};
use super::sets::{sample, sample_size};
use super::{Call, Command, NOT_A_FLOAT, SYNTAX, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("hdel", -3, hdel),
    Command::data("hexists", 3, hexists),
    Command::data("hget", 3, hget),
    Command::data("hgetall", 2, hgetall),
    Command::data("hincrby", 4, hincrby),
    Command::data("hincrbyfloat", 4, hincrbyfloat),
    Command::data("hkeys", 2, hkeys),
    Command::data("hlen", 2, hlen),
    Command::data("hmget", -3, hmget),
    Command::data("hmset", -4, hmset),
    Command::data("hrandfield", -2, hrandfield),
    Command::data("hset", -4, hset),
    Command::data("hsetnx", 4, hsetnx),
    Command::data("hstrlen", 3, hstrlen),
    Command::data("hvals", 2, hvals),
];

fn hset(call: &mut Call<'_>) -> Result<(), Refusal> {
    let added = set_fields(call, "ERR wrong number of arguments for 'hset' command")?;
    call.out.count(added);
    Ok(())
}

fn hmset(call: &mut Call<'_>) -> Result<(), Refusal> {
    set_fields(call, "ERR wrong number of arguments for 'hmset' command")?;
    call.out.ok();
    Ok(())
}

/// Returns the number of new fields.
fn set_fields(call: &mut Call<'_>, wrong_count: &'static str) -> Result<usize, Refusal> {
    let args = call.args;
    if !args.len().is_multiple_of(2) {
        return Err(wrong_count.into());
    }
    call.store.change_or_create(args.get(1), |hash: &mut Hash| {
        let pairs = (2..args.len()).step_by(2).map(|index| (args.get(index), args.get(index + 1)));
        (pairs.filter(|(field, value)| put(hash, field, value)).count(), true)
    })
}

/// Returns whether the field is new.
fn put(hash: &mut Hash, field: &[u8], value: &[u8]) -> bool {
    let there = hash.get_mut(field);
    let is_new = there.is_none();
    match there {
        Some(there) => *there = value.into(),
        None => drop(hash.insert(field.into(), value.into())),
    }
    is_new
}

fn hsetnx(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (field, value) = (call.args.get(2), call.args.get(3));
    let is_set = call.store.change_or_create(call.args.get(1), |hash: &mut Hash| {
        let is_set = !hash.contains(field) && put(hash, field, value);
        (is_set, is_set)
    })?;
    call.out.integer(is_set.into());
    Ok(())
}

fn hdel(call: &mut Call<'_>) -> Result<(), Refusal> {
    let fields = call.args.from(2);
    let removed = call.store.change(call.args.get(1), |hash: &mut Hash| {
        let removed = fields.filter(|field| hash.remove(field).is_some()).count();
        (removed, removed > 0)
    })?;
    call.out.count(removed.unwrap_or(0));
    Ok(())
}

fn field<'a>(call: &'a mut Call<'_>, name: &[u8]) -> Result<Option<&'a [u8]>, Refusal> {
    let hash = call.store.read::<Hash>(call.args.get(1))?;
    Ok(hash.and_then(|hash| hash.get(name)).map(|value| &**value))
}

fn hget(call: &mut Call<'_>) -> Result<(), Refusal> {
    let hash = call.store.read::<Hash>(call.args.get(1))?;
    call.out.bulk_or_nil(hash.and_then(|hash| hash.get(call.args.get(2))).map(|value| &**value));
    Ok(())
}

fn hmget(call: &mut Call<'_>) -> Result<(), Refusal> {
    let hash = call.store.read::<Hash>(call.args.get(1))?;
    call.out.array(call.args.len() - 2);
    for field in call.args.from(2) {
        call.out.bulk_or_nil(hash.and_then(|hash| hash.get(field)).map(|value| &**value));
    }
    Ok(())
}

fn hstrlen(call: &mut Call<'_>) -> Result<(), Refusal> {
    let length = field(call, call.args.get(2))?.map_or(0, <[u8]>::len);
    call.out.count(length);
    Ok(())
}

fn hexists(call: &mut Call<'_>) -> Result<(), Refusal> {
    let is_there = field(call, call.args.get(2))?.is_some();
    call.out.integer(is_there.into());
    Ok(())
}

fn hlen(call: &mut Call<'_>) -> Result<(), Refusal> {
    let length = call.store.read::<Hash>(call.args.get(1))?.map_or(0, Hash::len);
    call.out.count(length);
    Ok(())
}

fn hgetall(call: &mut Call<'_>) -> Result<(), Refusal> {
    let hash = call.store.read::<Hash>(call.args.get(1))?;
    call.out.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        call.out.bulk(field);
        call.out.bulk(value);
    }
    Ok(())
}

fn hkeys(call: &mut Call<'_>) -> Result<(), Refusal> {
    let hash = call.store.read::<Hash>(call.args.get(1))?;
    call.out.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::keys).for_each(|field| call.out.bulk(field));
    Ok(())
}

fn hvals(call: &mut Call<'_>) -> Result<(), Refusal> {
    let hash = call.store.read::<Hash>(call.args.get(1))?;
    call.out.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(_, value)| call.out.bulk(value));
    Ok(())
}

/// Random fields: different ones if the count is positive.
fn hrandfield(call: &mut Call<'_>) -> Result<(), Refusal> {
    let args = call.args;
    let count = args.from(2).next().map(sample_size).transpose()?;
    let has_values = args.len() == 4 && args.get(3).eq_ignore_ascii_case(b"withvalues");
    if args.len() > 4 || args.len() == 4 && !has_values {
        return Err(SYNTAX);
    }
    let hash = call.store.read::<Hash>(args.get(1))?;
    let (Some(count), Some(hash)) = (count, hash) else {
        match count {
            None => call.out.bulk_or_nil(hash.and_then(Hash::random).map(|field| &**field)),
            Some(_) => call.out.array(0),
        }
        return Ok(());
    };
    let fields = sample(hash.keys(), count);
    let is_nested = has_values && call.out.pairs_are_nested();
    call.out.array(if has_values && !is_nested { 2 * fields.len() } else { fields.len() });
    for field in fields {
        if is_nested {
            call.out.array(2);
        }
        call.out.bulk(field);
        if has_values {
            call.out.bulk_or_nil(hash.get(field).map(|value| &**value));
        }
    }
    Ok(())
}

fn hincrby(call: &mut Call<'_>) -> Result<(), Refusal> {
    let change = number(call.args.get(3))?;
    let old = field(call, call.args.get(2))?.map_or(Some(0), integer).ok_or("ERR hash value is not an integer")?;
    let sum = old.checked_add(change).ok_or("ERR increment or decrement would overflow")?;
    let (name, digits) = (call.args.get(2), Digits::of(sum));
    call.store.change_or_create(call.args.get(1), |hash: &mut Hash| (put(hash, name, digits.bytes()), true))?;
    call.out.integer(sum);
    Ok(())
}

fn hincrbyfloat(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (name, change) = (call.args.get(2), call.args.get(3));
    if !floats::parse_term(change).ok_or(NOT_A_FLOAT)?.is_finite() {
        return Err("ERR value is NaN or Infinity".into());
    }
    let old = field(call, name)?.unwrap_or(b"0");
    let sum = floats::sum(old, change).ok_or("ERR hash value is not a float")?;
    let sum = sum.map_err(|_| "ERR increment would produce NaN or Infinity")?;
    call.store.change_or_create(call.args.get(1), |hash: &mut Hash| (put(hash, name, sum.as_bytes()), true))?;
    call.out.bulk(sum.as_bytes());
    Ok(())
}
