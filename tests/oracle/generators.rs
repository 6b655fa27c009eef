//! Replays generators recorded from CPython 3.13 and compares every log entry.
//!
//! `tests/data/generators.jsonl` holds 2000 random programs. A program has generator functions that yield, delegate, catch,
//! clean up and raise; the calls of `next`, `send`, `throw` and `close` on them; and the log of both. A coroutine interprets
//! the functions, and its log must be equal, entry by entry.
//!
//! Each program runs once for every way in which a function can hold its delegate:
//!
//! | children | exact |
//! |---|---|
//! | frames of the driver, `Call` | yes |
//! | generators inline | yes |
//! | alternating frames and generators | yes |
//! | alternating frames and bare inline machines | except for a machine that ignores `GeneratorExit` |
//!
//! CPython closes a generator again when its last reference is dropped. The driver does this for a frame that has ignored
//! its exit, and a dropped [`Generator`](innermost::Generator) does it for its machine. A bare machine is an ordinary value,
//! and is dropped without being closed. So with bare machines, programs in which this happens are skipped.
//!
//! `ORACLE_FILE=path cargo test --release --test oracle generators::` replays another recording.

use crate::recorded;
use std::rc::Rc;

use crate::generator_scripts::{Children, Program, Replay, replay};

/// Replays the recording up to the first program that differs. Returns the numbers of programs and of skipped programs.
fn replay_all(children: Children) -> (usize, usize) {
    let (path, lines) = recorded::programs("generators.jsonl");
    let (mut programs, mut let_off) = (0, 0);
    for line in lines {
        programs += 1;
        match replay(&Rc::new(Program::parse(&line)), children) {
            Replay::Same => {}
            Replay::LostOne(_) if matches!(children, Children::MachinesAndCalls) => let_off += 1,
            Replay::LostOne(difference) | Replay::Differs(difference) => {
                panic!("program {programs} of {path}, {children:?}\n{line}\n{difference}")
            }
        }
    }
    println!("{programs} programs, {let_off} let off");
    (programs, let_off)
}

#[test]
fn with_calls_every_program_behaves_as_in_cpython() {
    replay_all(Children::Calls);
}

#[test]
fn with_inline_generators_every_program_behaves_as_in_cpython() {
    replay_all(Children::Generators);
}

#[test]
fn with_alternating_generators_and_calls_every_program_behaves_as_in_cpython() {
    replay_all(Children::GeneratorsAndCalls);
}

#[test]
fn with_alternating_machines_and_calls_every_program_behaves_as_in_cpython() {
    let (programs, let_off) = replay_all(Children::MachinesAndCalls);
    assert!(let_off <= 1 + programs / 50, "{let_off} of {programs} programs let off");
}
