//! `SCAN` and its kind: visiting all keys, or all elements of a collection, in parts.
//!
//! The cursor is the number of elements that are left. See [`Indexed::part`].

use super::super::floats;
use super::super::glob;
use super::super::store::{Collection, Hash, Indexed, Key, Refusal, Score, Set, Sorted};
use super::{Call, Command, SYNTAX, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("hscan", -3, hscan),
    Command::data("scan", -2, scan),
    Command::data("sscan", -3, sscan),
    Command::data("zscan", -3, zscan),
];

/// How much to visit, and what to show of it.
struct Options<'a> {
    count: usize,
    pattern: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(mut rest: impl Iterator<Item = &'a [u8]>, has_kinds: bool) -> Result<Self, Refusal> {
        let mut options = Self { count: 10, pattern: None, kind: None };
        while let Some(option) = rest.next() {
            let value = rest.next().ok_or(SYNTAX)?;
            match option.to_ascii_uppercase().as_slice() {
                b"COUNT" => {
                    let count = usize::try_from(number(value)?).ok().filter(|count| *count > 0);
                    options.count = count.ok_or(SYNTAX)?;
                }
                b"MATCH" => options.pattern = Some(value),
                b"TYPE" if has_kinds => options.kind = Some(value),
                _ => return Err(SYNTAX),
            }
        }
        Ok(options)
    }

    fn shows(&self, key: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, key))
    }
}

/// Parses a cursor. It may be empty or have a sign, as in Redis: -1 is the greatest.
fn cursor(text: &[u8]) -> Result<u64, Refusal> {
    let (digits, is_negative) = match text {
        [b'-', digits @ ..] => (digits, true),
        [b'+', digits @ ..] => (digits, false),
        digits => (digits, false),
    };
    let is_number = digits.iter().all(u8::is_ascii_digit) && digits.is_empty() == text.is_empty();
    let number = std::str::from_utf8(digits).ok().filter(|_| is_number);
    let number = number.and_then(|digits| if digits.is_empty() { Some(0) } else { digits.parse().ok() });
    let number: u64 = number.ok_or("ERR invalid cursor")?;
    Ok(if is_negative { number.wrapping_neg() } else { number })
}

fn scan(call: &mut Call<'_>) -> Result<(), Refusal> {
    let cursor = cursor(call.args.get(1))?;
    let options = Options::parse(call.args.from(2), true)?;
    let (next, part) = call.store.part(cursor, options.count);
    let is_kind = |name: &str| options.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(name.as_bytes()));
    let shown: Vec<_> = part.filter(|(key, value)| options.shows(key) && is_kind(value.kind())).collect();
    call.out.array(2);
    call.out.bulk(next.to_string().as_bytes());
    call.out.array(shown.len());
    shown.into_iter().for_each(|(key, _)| call.out.bulk(key));
    Ok(())
}

fn sscan(call: &mut Call<'_>) -> Result<(), Refusal> {
    scan_in(call, |set: &Set| set, |()| None)
}

fn hscan(call: &mut Call<'_>) -> Result<(), Refusal> {
    scan_in(call, |hash: &Hash| hash, |value| Some(value.to_vec()))
}

fn zscan(call: &mut Call<'_>) -> Result<(), Refusal> {
    scan_in(call, Sorted::scores, |score: &Score| Some(floats::text(score.0).into_bytes()))
}

/// Visits a part of a collection. `shown` is what is answered after each key.
fn scan_in<C: Collection, V>(
    call: &mut Call<'_>,
    elements: impl FnOnce(&C) -> &Indexed<V>,
    shown: impl Fn(&V) -> Option<Vec<u8>>,
) -> Result<(), Refusal> {
    let cursor = cursor(call.args.get(2))?;
    let Some(collection) = call.store.read::<C>(call.args.get(1))? else {
        call.out.array(2);
        call.out.bulk(b"0");
        call.out.array(0);
        return Ok(());
    };
    let options = Options::parse(call.args.from(3), false)?;
    let elements = elements(collection);
    let (next, part) = elements.part(cursor, options.count);
    let parts: Vec<(&Key, Option<Vec<u8>>)> =
        part.filter(|key| options.shows(key)).filter_map(|key| Some((key, shown(elements.get(key)?)))).collect();
    call.out.array(2);
    call.out.bulk(next.to_string().as_bytes());
    call.out.array(parts.iter().map(|(_, value)| 1 + usize::from(value.is_some())).sum());
    for (key, value) in parts {
        call.out.bulk(key);
        if let Some(value) = value {
            call.out.bulk(&value);
        }
    }
    Ok(())
}
