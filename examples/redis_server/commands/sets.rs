//! Sets.

use super::super::resp::integer;
use super::super::store::{Key, Refusal, Set, Value, random_below};
use super::{Call, Command, SYNTAX, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("sadd", -3, sadd),
    Command::data("scard", 2, scard),
    Command::data("sdiff", -2, sdiff),
    Command::data("sdiffstore", -3, sdiffstore),
    Command::data("sinter", -2, sinter),
    Command::data("sinterstore", -3, sinterstore),
    Command::data("sismember", 3, sismember),
    Command::data("smembers", 2, sinter),
    Command::data("smismember", -3, smismember),
    Command::data("smove", 4, smove),
    Command::data("spop", -2, spop),
    Command::data("srandmember", -2, srandmember),
    Command::data("srem", -3, srem),
    Command::data("sunion", -2, sunion),
    Command::data("sunionstore", -3, sunionstore),
];

fn sadd(call: &mut Call<'_>) -> Result<(), Refusal> {
    let members = call.args.from(2);
    let added = call.store.change_or_create(call.args.get(1), |set: &mut Set| {
        let added = members.filter(|member| add(set, member)).count();
        (added, added > 0)
    })?;
    call.out.count(added);
    Ok(())
}

/// Returns whether the member is new.
fn add(set: &mut Set, member: &[u8]) -> bool {
    let is_new = !set.contains(member);
    if is_new {
        set.add(member.into(), ());
    }
    is_new
}

fn srem(call: &mut Call<'_>) -> Result<(), Refusal> {
    let members = call.args.from(2);
    let removed = call.store.change(call.args.get(1), |set: &mut Set| {
        let removed = members.filter(|member| set.remove(member).is_some()).count();
        (removed, removed > 0)
    })?;
    call.out.count(removed.unwrap_or(0));
    Ok(())
}

fn smove(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (source, target, member) = (call.args.get(1), call.args.get(2), call.args.get(3));
    let Some(is_there) = call.store.read::<Set>(source)?.map(|set| set.contains(member)) else {
        call.out.integer(0);
        return Ok(());
    };
    call.store.read::<Set>(target)?;
    if is_there && source != target {
        call.store.change(source, |set: &mut Set| (set.remove(member), true))?;
        call.store.change_or_create(target, |set: &mut Set| ((), add(set, member)))?;
    }
    call.out.integer(is_there.into());
    Ok(())
}

fn scard(call: &mut Call<'_>) -> Result<(), Refusal> {
    let length = call.store.read::<Set>(call.args.get(1))?.map_or(0, Set::len);
    call.out.count(length);
    Ok(())
}

fn sismember(call: &mut Call<'_>) -> Result<(), Refusal> {
    let set = call.store.read::<Set>(call.args.get(1))?;
    call.out.integer(set.is_some_and(|set| set.contains(call.args.get(2))).into());
    Ok(())
}

fn smismember(call: &mut Call<'_>) -> Result<(), Refusal> {
    let set = call.store.read::<Set>(call.args.get(1))?;
    call.out.array(call.args.len() - 2);
    for member in call.args.from(2) {
        call.out.integer(set.is_some_and(|set| set.contains(member)).into());
    }
    Ok(())
}

fn spop(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.args.get(1);
    let pop = |set: &mut Set| set.random().cloned().and_then(|member| set.remove(&member));
    if call.args.len() == 2 {
        let member = call.store.change(key, |set: &mut Set| (pop(set), true))?.flatten();
        call.out.bulk_or_nil(member.map(|(member, ())| member).as_deref());
        return Ok(());
    }
    let count = positive_count(call)?;
    let Some(length) = call.store.read::<Set>(key)?.map(Set::len).filter(|_| count > 0) else {
        call.out.set(0);
        return Ok(());
    };
    let count = count.min(length);
    call.out.set(count);
    call.store.change(key, |set: &mut Set| {
        (0..count).filter_map(|_| pop(set)).for_each(|(member, ())| call.out.bulk(&member));
        ((), true)
    })?;
    Ok(())
}

fn positive_count(call: &Call<'_>) -> Result<usize, Refusal> {
    if call.args.len() > 3 {
        return Err(SYNTAX);
    }
    let count = integer(call.args.get(2)).and_then(|count| usize::try_from(count).ok());
    Ok(count.ok_or("ERR value is out of range, must be positive")?)
}

/// Random members: different ones if the count is positive.
fn srandmember(call: &mut Call<'_>) -> Result<(), Refusal> {
    if call.args.len() > 3 {
        return Err(SYNTAX);
    }
    let count = call.args.from(2).next().map(sample_size).transpose()?;
    let set = call.store.read::<Set>(call.args.get(1))?;
    match (count, set) {
        (None, set) => call.out.bulk_or_nil(set.and_then(Set::random).map(|member| &**member)),
        (Some(_), None) => call.out.array(0),
        (Some(count), Some(set)) => {
            let members = sample(set.keys(), count);
            call.out.array(members.len());
            members.into_iter().for_each(|member| call.out.bulk(member));
        }
    }
    Ok(())
}

/// How many to pick. If some may come several times, a short request could ask for more than fits into the memory.
pub(super) fn sample_size(arg: &[u8]) -> Result<i64, Refusal> {
    let count = number(arg)?;
    if count < -1_000_000 { Err("ERR value is out of range".into()) } else { Ok(count) }
}

/// `count` different ones, as many as there are at most. With a negative count, some may come several times.
pub(super) fn sample(keys: &[Key], count: i64) -> Vec<&Key> {
    let pick = |limit: usize| random_below(limit).unwrap_or(0);
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 {
        return (0..wanted).filter_map(|_| keys.get(pick(keys.len()))).collect();
    }
    let mut keys: Vec<&Key> = keys.iter().collect();
    let wanted = wanted.min(keys.len());
    for place in 0..wanted {
        let other = place + pick(keys.len() - place);
        keys.swap(place, other);
    }
    keys.truncate(wanted);
    keys
}

fn sinter(call: &mut Call<'_>) -> Result<(), Refusal> {
    answer(call, intersection)
}

fn sunion(call: &mut Call<'_>) -> Result<(), Refusal> {
    answer(call, union)
}

fn sdiff(call: &mut Call<'_>) -> Result<(), Refusal> {
    answer(call, difference)
}

fn sinterstore(call: &mut Call<'_>) -> Result<(), Refusal> {
    store(call, intersection)
}

fn sunionstore(call: &mut Call<'_>) -> Result<(), Refusal> {
    store(call, union)
}

fn sdiffstore(call: &mut Call<'_>) -> Result<(), Refusal> {
    store(call, difference)
}

/// A set, made from others.
type Operation = fn(Set, &Set) -> Set;

fn intersection(one: Set, other: &Set) -> Set {
    members(one.keys().iter().filter(|member| other.contains(member)))
}

fn union(mut one: Set, other: &Set) -> Set {
    for member in other.keys() {
        one.insert(Key::clone(member), ());
    }
    one
}

fn difference(one: Set, other: &Set) -> Set {
    members(one.keys().iter().filter(|member| !other.contains(member)))
}

fn members<'a>(members: impl Iterator<Item = &'a Key>) -> Set {
    let mut set = Set::default();
    for member in members {
        set.insert(Key::clone(member), ());
    }
    set
}

/// Combines the sets whose keys begin at argument number `first`.
fn combined(call: &mut Call<'_>, first: usize, operation: Operation) -> Result<Set, Refusal> {
    let mut keys = call.args.from(first);
    let start = keys.next().map(|key| call.store.read::<Set>(key)).transpose()?.flatten();
    let mut result = start.cloned().unwrap_or_default();
    for key in keys {
        match call.store.read::<Set>(key)? {
            Some(set) => result = operation(result, set),
            None => result = operation(result, &Set::default()),
        }
    }
    Ok(result)
}

fn answer(call: &mut Call<'_>, operation: Operation) -> Result<(), Refusal> {
    let set = combined(call, 1, operation)?;
    call.out.set(set.len());
    set.keys().iter().for_each(|member| call.out.bulk(member));
    Ok(())
}

fn store(call: &mut Call<'_>, operation: Operation) -> Result<(), Refusal> {
    let set = combined(call, 2, operation)?;
    call.out.count(set.len());
    let key = call.args.get(1);
    if set.len() == 0 {
        call.store.remove(key);
    } else {
        call.store.replace(key, Value::Set(Box::new(set)), None);
    }
    Ok(())
}
