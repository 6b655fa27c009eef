//! Keys of any type.

use super::super::glob;
use super::super::resp::integer;
use super::super::store::{Refusal, Value};
use super::{Call, Command, SYNTAX};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("dbsize", 1, dbsize),
    Command::data("del", -2, del),
    Command::data("exists", -2, exists),
    Command::data("flushdb", -1, flushdb),
    Command::data("keys", 2, keys),
    Command::data("object", -2, object).with(&[("encoding", 3), ("freq", 3), ("refcount", 3)]),
    Command::data("randomkey", 1, randomkey),
    Command::data("rename", 3, rename),
    Command::data("renamenx", 3, renamenx),
    Command::data("touch", -2, exists),
    Command::data("type", 2, type_of),
    Command::data("unlink", -2, del),
];

fn del(call: &mut Call<'_>) -> Result<(), Refusal> {
    let removed = call.args.from(1).filter(|key| call.store.remove(key).is_some()).count();
    call.out.count(removed);
    Ok(())
}

fn exists(call: &mut Call<'_>) -> Result<(), Refusal> {
    let there = call.args.from(1).filter(|key| call.store.entry(key).is_some()).count();
    call.out.count(there);
    Ok(())
}

fn type_of(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.out.simple(call.store.entry(call.args.get(1)).map_or("none", |entry| entry.value.kind()));
    Ok(())
}

fn keys(call: &mut Call<'_>) -> Result<(), Refusal> {
    let pattern = call.args.get(1);
    let found: Vec<_> = call.store.keys().filter(|key| glob::matches(pattern, key)).collect();
    call.out.array(found.len());
    found.into_iter().for_each(|key| call.out.bulk(key));
    Ok(())
}

fn randomkey(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.store.random_key();
    call.out.bulk_or_nil(key.as_deref());
    Ok(())
}

fn rename(call: &mut Call<'_>) -> Result<(), Refusal> {
    rename_if(call, true)?;
    call.out.ok();
    Ok(())
}

fn renamenx(call: &mut Call<'_>) -> Result<(), Refusal> {
    let is_renamed = rename_if(call, false)?;
    call.out.integer(is_renamed.into());
    Ok(())
}

/// Returns whether the key has got the new name. A key that has it already is replaced only if it may be.
fn rename_if(call: &mut Call<'_>, may_replace: bool) -> Result<bool, Refusal> {
    let (old, new) = (call.args.get(1), call.args.get(2));
    call.store.entry(old).ok_or("ERR no such key")?;
    if old == new {
        return Ok(may_replace);
    }
    if !may_replace && call.store.entry(new).is_some() {
        return Ok(false);
    }
    let Some((value, deadline)) = call.store.remove(old) else { return Ok(false) };
    call.store.replace(new, value, deadline);
    Ok(true)
}

/// What Redis would tell about a value. The encoding is the one that Redis would have chosen.
fn object(call: &mut Call<'_>) -> Result<(), Refusal> {
    let Some(entry) = call.store.entry(call.args.get(2)) else {
        call.out.nil();
        return Ok(());
    };
    match call.args.get(1).to_ascii_lowercase().as_slice() {
        b"encoding" => call.out.bulk(encoding(&entry.value).as_bytes()),
        b"refcount" => call.out.integer(match &entry.value {
            // Redis shares them.
            Value::Text(text) if integer(text).is_some_and(|number| (0..10_000).contains(&number)) => i32::MAX.into(),
            _ => 1,
        }),
        _ => {
            return Err(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                        switching between policies at runtime LRU and LFU data will take some time to adjust."
                    .into(),
            );
        }
    }
    Ok(())
}

fn encoding(value: &Value) -> &'static str {
    let is_short = |text: &[u8]| text.len() <= 64;
    match value {
        Value::Text(text) if integer(text).is_some() => "int",
        Value::Text(text) if text.len() <= 44 => "embstr",
        Value::Text(_) => "raw",
        Value::List(_) => "quicklist",
        Value::Set(set) if set.len() <= 512 && set.keys().iter().all(|member| integer(member).is_some()) => "intset",
        Value::Set(_) => "hashtable",
        Value::Hash(hash) if hash.len() <= 128 && hash.iter().all(|(key, value)| is_short(key) && is_short(value)) => {
            "listpack"
        }
        Value::Hash(_) => "hashtable",
        Value::Sorted(sorted) if sorted.len() <= 128 && sorted.iter().all(|(_, key)| is_short(key)) => "listpack",
        Value::Sorted(_) => "skiplist",
    }
}

fn dbsize(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.out.count(call.store.len());
    Ok(())
}

fn flushdb(call: &mut Call<'_>) -> Result<(), Refusal> {
    check_flush(call.args.from(1))?;
    call.store.clear();
    call.out.ok();
    Ok(())
}

/// Both ways to flush are the same here.
pub(crate) fn check_flush<'a>(mut options: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<(), Refusal> {
    let is_known = |option: &[u8]| option.eq_ignore_ascii_case(b"sync") || option.eq_ignore_ascii_case(b"async");
    if options.len() > 1 || !options.all(is_known) { Err(SYNTAX) } else { Ok(()) }
}
