//! Ranges of sorted sets, by place or by score.

use super::super::floats;
use super::super::request::Args;
use super::super::store::{Key, Refusal, Score, Sorted};
use super::lists::range;
use super::{Call, Command, SYNTAX, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("zcount", 4, zcount),
    Command::data("zrange", -4, zrange),
    Command::data("zrangebyscore", -4, zrangebyscore),
    Command::data("zremrangebyrank", 4, zremrangebyrank),
    Command::data("zremrangebyscore", 4, zremrangebyscore),
    Command::data("zrevrange", -4, zrevrange),
    Command::data("zrevrangebyscore", -4, zrevrangebyscore),
];

/// The bounds of a range of scores.
struct Scores {
    low: f64,
    high: f64,
    has_low: bool,
    has_high: bool,
}

/// Without spaces in front. C skips them.
fn unpadded(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'));
    &text[start.unwrap_or(text.len())..]
}

impl Scores {
    /// Parses two bounds. One that begins with `(` is not in the range.
    fn parse(low: &[u8], high: &[u8]) -> Result<Self, Refusal> {
        let bound = |text: &[u8]| {
            let open = text.strip_prefix(b"(");
            let number = open.unwrap_or(text);
            Some((if number.is_empty() { 0.0 } else { floats::parse_any(unpadded(number))? }, open.is_none()))
        };
        let bounds = bound(low).zip(bound(high)).ok_or("ERR min or max is not a float")?;
        let ((low, has_low), (high, has_high)) = bounds;
        Ok(Self { low, high, has_low, has_high })
    }

    fn of<'s>(&self, sorted: &'s Sorted) -> impl DoubleEndedIterator<Item = &'s (Score, Key)> + use<'s> {
        let Self { low, high, has_low, has_high } = *self;
        let is_low = move |score: f64| score < low || !has_low && score == low;
        let is_high = move |score: f64| score > high || !has_high && score == high;
        let first = sorted.from(Score(low));
        // From both ends, as far as the bounds.
        let within: Vec<_> =
            first.skip_while(|(score, _)| is_low(score.0)).take_while(|(score, _)| !is_high(score.0)).collect();
        within.into_iter()
    }
}

/// The options that follow the bounds of a range.
#[derive(Default)]
struct Options {
    is_reversed: bool,
    by_score: bool,
    with_scores: bool,
    offset: i64,
    limit: Option<i64>,
}

impl Options {
    fn parse(args: Args<'_>, fixed: Option<Self>) -> Result<Self, Refusal> {
        let is_fixed = fixed.is_some();
        let mut options = fixed.unwrap_or_default();
        let mut rest = args.from(4);
        while let Some(option) = rest.next() {
            match (option.to_ascii_uppercase().as_slice(), rest.len()) {
                (b"WITHSCORES", _) => options.with_scores = true,
                (b"LIMIT", 2..) => {
                    let mut next = || number(rest.next().unwrap_or_default());
                    options.offset = next()?;
                    options.limit = Some(next()?).filter(|limit| *limit != -1);
                }
                (b"REV", _) if !is_fixed && !options.is_reversed => options.is_reversed = true,
                (b"BYSCORE", _) if !is_fixed && !options.by_score => options.by_score = true,
                _ => return Err(SYNTAX),
            }
        }
        if options.limit.is_some() && !options.by_score {
            return Err("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX".into());
        }
        Ok(options)
    }
}

fn zrange(call: &mut Call<'_>) -> Result<(), Refusal> {
    let options = Options::parse(call.args, None)?;
    answer(call, &options)
}

fn zrevrange(call: &mut Call<'_>) -> Result<(), Refusal> {
    let options = Options::parse(call.args, Some(Options { is_reversed: true, ..Options::default() }))?;
    answer(call, &options)
}

fn zrangebyscore(call: &mut Call<'_>) -> Result<(), Refusal> {
    let options = Options::parse(call.args, Some(Options { by_score: true, ..Options::default() }))?;
    answer(call, &options)
}

fn zrevrangebyscore(call: &mut Call<'_>) -> Result<(), Refusal> {
    let fixed = Options { by_score: true, is_reversed: true, ..Options::default() };
    let options = Options::parse(call.args, Some(fixed))?;
    answer(call, &options)
}

fn answer(call: &mut Call<'_>, options: &Options) -> Result<(), Refusal> {
    let (first, last) = (call.args.get(2), call.args.get(3));
    let empty = Sorted::default();
    let found: Vec<&(Score, Key)> = if options.by_score {
        let scores = if options.is_reversed { Scores::parse(last, first) } else { Scores::parse(first, last) }?;
        let within = scores.of(call.store.read(call.args.get(1))?.unwrap_or(&empty));
        let (offset, limit) = (options.offset, options.limit.unwrap_or(i64::MAX));
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if options.is_reversed {
            within.rev().skip(offset).take(limit).collect()
        } else {
            within.skip(offset).take(limit).collect()
        }
    } else {
        let (first, last) = (number(first)?, number(last)?);
        let sorted = call.store.read(call.args.get(1))?.unwrap_or(&empty);
        let range = range(first, last, sorted.len());
        if options.is_reversed {
            sorted.iter().rev().skip(range.start).take(range.len()).collect()
        } else {
            sorted.iter().skip(range.start).take(range.len()).collect()
        }
    };
    let is_nested = options.with_scores && call.out.pairs_are_nested();
    call.out.array(if options.with_scores && !is_nested { 2 * found.len() } else { found.len() });
    for (score, member) in found {
        if is_nested {
            call.out.array(2);
        }
        call.out.bulk(member);
        if options.with_scores {
            call.out.double(score.0);
        }
    }
    Ok(())
}

fn zcount(call: &mut Call<'_>) -> Result<(), Refusal> {
    let scores = Scores::parse(call.args.get(2), call.args.get(3))?;
    let count = call.store.read(call.args.get(1))?.map_or(0, |sorted| scores.of(sorted).count());
    call.out.count(count);
    Ok(())
}

fn zremrangebyscore(call: &mut Call<'_>) -> Result<(), Refusal> {
    let scores = Scores::parse(call.args.get(2), call.args.get(3))?;
    remove(call, |sorted| scores.of(sorted).map(|(_, member)| Key::clone(member)).collect())
}

fn zremrangebyrank(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (first, last) = (number(call.args.get(2))?, number(call.args.get(3))?);
    remove(call, |sorted| {
        let range = range(first, last, sorted.len());
        sorted.iter().skip(range.start).take(range.len()).map(|(_, member)| Key::clone(member)).collect()
    })
}

fn remove(call: &mut Call<'_>, chosen: impl FnOnce(&Sorted) -> Vec<Key>) -> Result<(), Refusal> {
    let removed = call.store.change(call.args.get(1), |sorted: &mut Sorted| {
        let chosen = chosen(sorted);
        chosen.iter().for_each(|member| drop(sorted.remove(member)));
        (chosen.len(), !chosen.is_empty())
    })?;
    call.out.count(removed.unwrap_or(0));
    Ok(())
}
