//! The lines of arrows, in the language of paths.

use core::fmt::Write;

use super::super::layout::{Part, Route};

/// The end of an arrow, and the direction in which it points.
#[derive(Clone, Copy)]
pub(super) struct Tip {
    x: f64,
    y: f64,
    towards: (f64, f64),
}

/// The line of an arrow from one box to another: straight through the rows, curved between them.
pub(super) fn path(route: &Route, x: f64, y: f64) -> (String, Option<Tip>) {
    let moved = |part: &Part| Part { x: part.x + x, from: part.from + y, to: part.to + y };
    let mut parts: Vec<_> = route.parts.iter().map(moved).collect();
    let down = parts.first().zip(parts.last()).is_none_or(|(first, last)| first.from <= last.to);
    let sign = if down { 1.0 } else { -1.0 };
    let mut tip = None;
    if let Some(last) = parts.last_mut().filter(|_| !route.is_joined) {
        tip = Some(Tip { x: last.x, y: last.to, towards: (0.0, sign) });
        // The line ends within the tip, and is straight before it.
        last.to -= sign * (TIP - 1.0);
        last.from = if down { last.from.min(last.to - 2.0) } else { last.from.max(last.to + 2.0) };
    }
    let mut text = String::new();
    let mut at: Option<(f64, f64)> = None;
    for part in parts {
        match at {
            None => push(&mut text, 'M', &[(part.x, part.from)]),
            Some(before) if (before.0 - part.x).abs() < 0.05 => {}
            Some(before) => {
                let middle = f64::midpoint(before.1, part.from);
                push(&mut text, 'C', &[(before.0, middle), (part.x, middle), (part.x, part.from)]);
            }
        }
        at = Some((part.x, part.to));
        // A straight part that goes on is written with the next.
        push(&mut text, 'L', &[(part.x, part.to)]);
    }
    (joined(&text), tip)
}

/// The line of an arrow from a box to itself, at its right side. Returns the place of its label as well.
pub(super) fn loop_path(right: f64, y: f64) -> (String, Option<Tip>, Option<(f64, f64)>) {
    let mut text = String::new();
    push(&mut text, 'M', &[(right, y - HALF_LOOP)]);
    let end = (right + TIP - 1.0, y + HALF_LOOP);
    push(&mut text, 'C', &[(right + REACH, y - 2.0 * HALF_LOOP), (right + REACH, y + HALF_LOOP), end]);
    let tip = Tip { x: right, y: y + HALF_LOOP, towards: (-1.0, 0.0) };
    (text, Some(tip), Some((right + LOOP, y)))
}

pub(super) fn arrow(tip: Tip) -> String {
    let (towards_x, towards_y) = tip.towards;
    let base = (tip.x - TIP * towards_x, tip.y - TIP * towards_y);
    let side = (HALF_TIP * towards_y, HALF_TIP * towards_x);
    let mut text = String::new();
    push(&mut text, 'M', &[(tip.x, tip.y)]);
    push(&mut text, 'L', &[(base.0 - side.0, base.1 - side.1), (base.0 + side.0, base.1 + side.1)]);
    text.push('Z');
    text
}

/// Leaves out straight lines that the next one covers.
fn joined(text: &str) -> String {
    let mut commands: Vec<&str> = Vec::new();
    let mut begin = 0;
    let ends = text.char_indices().skip(1).filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at);
    for end in ends.chain([text.len()]) {
        let command = &text[begin..end];
        begin = end;
        let is_line = |command: &str| command.starts_with('L');
        if is_line(command) && commands.last().is_some_and(|last| is_line(last)) {
            commands.pop();
        }
        commands.push(command);
    }
    commands.concat()
}

fn push(text: &mut String, command: char, points: &[(f64, f64)]) {
    text.push(command);
    for (at, point) in points.iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        write!(text, "{space}{},{}", number(point.0), number(point.1)).expect("a string takes all");
    }
}

/// A number with at most one digit behind the point.
pub(super) fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.abs() / 10, tenths.abs() % 10) {
        (whole, 0) => format!("{sign}{whole}"),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}

/// How far an arrow from a box to itself reaches: its line, and where its label begins.
const REACH: f64 = 30.0;
pub(super) const LOOP: f64 = 28.0;
const HALF_LOOP: f64 = 6.0;
/// The length and half the width of an arrow's tip.
const TIP: f64 = 8.0;
const HALF_TIP: f64 = 3.5;
