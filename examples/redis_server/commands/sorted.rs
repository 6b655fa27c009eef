//! Sorted sets: members with scores.

use super::super::floats;
use super::super::resp::integer;
use super::super::store::{Refusal, Score, Sorted};
use super::{Call, Command, NOT_A_FLOAT, SYNTAX};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("zadd", -4, zadd),
    Command::data("zcard", 2, zcard),
    Command::data("zincrby", 4, zincrby),
    Command::data("zmscore", -3, zmscore),
    Command::data("zpopmax", -2, zpopmax),
    Command::data("zpopmin", -2, zpopmin),
    Command::data("zrank", 3, zrank),
    Command::data("zrem", -3, zrem),
    Command::data("zrevrank", 3, zrevrank),
    Command::data("zscore", 3, zscore),
];

/// The options of `ZADD`.
#[derive(Clone, Copy, Default)]
struct Adding {
    if_new: bool,
    if_there: bool,
    if_greater: bool,
    if_less: bool,
    counts_changes: bool,
    increments: bool,
}

/// What has become of a member.
enum Added {
    New(f64),
    Changed(f64),
    Same(f64),
    Skipped,
}

impl Adding {
    /// Reads an option. Returns `false` if it is none.
    fn read(&mut self, option: &[u8]) -> bool {
        let flag = match option.to_ascii_uppercase().as_slice() {
            b"NX" => &mut self.if_new,
            b"XX" => &mut self.if_there,
            b"GT" => &mut self.if_greater,
            b"LT" => &mut self.if_less,
            b"CH" => &mut self.counts_changes,
            b"INCR" => &mut self.increments,
            _ => return false,
        };
        *flag = true;
        true
    }

    fn check(self, pairs: usize) -> Result<(), Refusal> {
        if self.if_new && self.if_there {
            return Err("ERR XX and NX options at the same time are not compatible".into());
        }
        if u8::from(self.if_new) + u8::from(self.if_greater) + u8::from(self.if_less) > 1 {
            return Err("ERR GT, LT, and/or NX options at the same time are not compatible".into());
        }
        if self.increments && pairs > 1 {
            return Err("ERR INCR option supports a single increment-element pair".into());
        }
        Ok(())
    }

    fn add(self, sorted: &mut Sorted, member: &[u8], score: f64) -> Result<Added, Refusal> {
        let Some(Score(old)) = sorted.score(member) else {
            if self.if_there {
                return Ok(Added::Skipped);
            }
            sorted.insert(member, Score(score));
            return Ok(Added::New(score));
        };
        if self.if_new {
            return Ok(Added::Skipped);
        }
        let score = if self.increments { old + score } else { score };
        if score.is_nan() {
            return Err("ERR resulting score is not a number (NaN)".into());
        }
        if self.if_greater && score <= old || self.if_less && score >= old {
            return Ok(Added::Skipped);
        }
        if Score(score) == Score(old) {
            return Ok(Added::Same(score));
        }
        sorted.insert(member, Score(score));
        Ok(Added::Changed(score))
    }
}

fn zadd(call: &mut Call<'_>) -> Result<(), Refusal> {
    let mut adding = Adding::default();
    let first = 2 + call.args.from(2).take_while(|option| adding.read(option)).count();
    let pairs = call.args.len() - first;
    if pairs == 0 || !pairs.is_multiple_of(2) {
        return Err(SYNTAX);
    }
    adding.check(pairs / 2)?;
    add_all(call, adding, first)
}

fn zincrby(call: &mut Call<'_>) -> Result<(), Refusal> {
    // Redis reads options here too, and then misses the score.
    if Adding::default().read(call.args.get(2)) {
        return Err(SYNTAX);
    }
    add_all(call, Adding { increments: true, ..Adding::default() }, 2)
}

/// Adds the pairs of scores and members that begin at argument number `first`.
fn add_all(call: &mut Call<'_>, adding: Adding, first: usize) -> Result<(), Refusal> {
    let args = call.args;
    let scores = args.from(first).step_by(2).map(|score| floats::parse(score).ok_or(NOT_A_FLOAT));
    let scores: Vec<f64> = scores.collect::<Result<_, _>>()?;
    let members = args.from(first + 1).step_by(2);
    let (added, changed, last) = call.store.change_or_create(args.get(1), |sorted: &mut Sorted| {
        let (mut added, mut changed, mut last) = (0, 0, Ok(None));
        for (score, member) in scores.into_iter().zip(members) {
            last = adding.add(sorted, member, score).map(|what| match what {
                Added::New(score) => {
                    added += 1;
                    Some(score)
                }
                Added::Changed(score) => {
                    changed += 1;
                    Some(score)
                }
                Added::Same(score) => Some(score),
                Added::Skipped => None,
            });
        }
        ((added, changed, last), added + changed > 0)
    })?;
    match adding.increments {
        true => call.out.double_or_nil(last?),
        false => call.out.count(if adding.counts_changes { added + changed } else { added }),
    }
    Ok(())
}

fn zrem(call: &mut Call<'_>) -> Result<(), Refusal> {
    let members = call.args.from(2);
    let removed = call.store.change(call.args.get(1), |sorted: &mut Sorted| {
        let removed = members.filter(|member| sorted.remove(member).is_some()).count();
        (removed, removed > 0)
    })?;
    call.out.count(removed.unwrap_or(0));
    Ok(())
}

fn zcard(call: &mut Call<'_>) -> Result<(), Refusal> {
    let length = call.store.read::<Sorted>(call.args.get(1))?.map_or(0, Sorted::len);
    call.out.count(length);
    Ok(())
}

fn zscore(call: &mut Call<'_>) -> Result<(), Refusal> {
    let score = call.store.read::<Sorted>(call.args.get(1))?.and_then(|sorted| sorted.score(call.args.get(2)));
    call.out.double_or_nil(score.map(|score| score.0));
    Ok(())
}

fn zmscore(call: &mut Call<'_>) -> Result<(), Refusal> {
    let sorted = call.store.read::<Sorted>(call.args.get(1))?;
    call.out.array(call.args.len() - 2);
    for member in call.args.from(2) {
        let score = sorted.and_then(|sorted| sorted.score(member));
        call.out.double_or_nil(score.map(|score| score.0));
    }
    Ok(())
}

fn zrank(call: &mut Call<'_>) -> Result<(), Refusal> {
    rank(call, |rank, _| rank)
}

fn zrevrank(call: &mut Call<'_>) -> Result<(), Refusal> {
    rank(call, |rank, length| length - 1 - rank)
}

fn rank(call: &mut Call<'_>, counted: fn(usize, usize) -> usize) -> Result<(), Refusal> {
    let sorted = call.store.read::<Sorted>(call.args.get(1))?;
    match sorted.and_then(|sorted| Some(counted(sorted.rank(call.args.get(2))?, sorted.len()))) {
        Some(rank) => call.out.count(rank),
        None => call.out.nil(),
    }
    Ok(())
}

fn zpopmin(call: &mut Call<'_>) -> Result<(), Refusal> {
    pop(call, false)
}

fn zpopmax(call: &mut Call<'_>) -> Result<(), Refusal> {
    pop(call, true)
}

fn pop(call: &mut Call<'_>, is_last: bool) -> Result<(), Refusal> {
    if call.args.len() > 3 {
        return Err(SYNTAX);
    }
    let count = match call.args.from(2).next() {
        None => None,
        Some(count) => {
            let count = integer(count).and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or("ERR value is out of range, must be positive")?)
        }
    };
    let popped = call.store.change(call.args.get(1), |sorted: &mut Sorted| {
        let popped: Vec<_> = (0..count.unwrap_or(1)).map_while(|_| sorted.pop(is_last)).collect();
        let has_changed = !popped.is_empty();
        (popped, has_changed)
    })?;
    let popped = popped.unwrap_or_default();
    let is_nested = count.is_some() && call.out.pairs_are_nested();
    call.out.array(if is_nested { popped.len() } else { 2 * popped.len() });
    for (score, member) in popped {
        if is_nested {
            call.out.array(2);
        }
        call.out.bulk(&member);
        call.out.double(score.0);
    }
    Ok(())
}
