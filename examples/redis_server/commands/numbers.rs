//! Numbers in strings.

use super::super::answers::Digits;
use super::super::floats;
use super::super::resp::integer;
use super::super::store::Refusal;
use super::{Call, Command, NOT_A_FLOAT, NOT_AN_INTEGER, number};

pub(super) static COMMANDS: &[Command] = &[
    Command::data("decr", 2, decr),
    Command::data("decrby", 3, decrby),
    Command::data("incr", 2, incr),
    Command::data("incrby", 3, incrby),
    Command::data("incrbyfloat", 3, incrbyfloat),
];

fn incr(call: &mut Call<'_>) -> Result<(), Refusal> {
    add(call, 1)
}

fn decr(call: &mut Call<'_>) -> Result<(), Refusal> {
    add(call, -1)
}

fn incrby(call: &mut Call<'_>) -> Result<(), Refusal> {
    let number = number(call.args.get(2))?;
    add(call, number)
}

fn decrby(call: &mut Call<'_>) -> Result<(), Refusal> {
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

fn incrbyfloat(call: &mut Call<'_>) -> Result<(), Refusal> {
    let change = call.args.get(2);
    let sum = call.store.change_text(call.args.get(1), b"0", |text| {
        let sum = floats::sum(text, change).ok_or(NOT_A_FLOAT)?;
        *text = sum.map_err(|_| "ERR increment would produce NaN or Infinity")?.into_bytes();
        Ok(text.clone())
    })?;
    call.out.bulk(&sum);
    Ok(())
}
