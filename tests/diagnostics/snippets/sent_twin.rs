//! The twin of `sent.rs`: a `Result`, or a reference to one in a function that `resume` calls.

#![allow(dead_code)]

use innermost::{Exception, Resumed, Sleep, Step, yield_from};

fn owned(sleep: &mut Sleep, mut sent: Result<(), Exception>) -> Resumed<Sleep> {
    yield_from!(sleep, sent)?;
    Ok(Step::Return(()))
}

fn borrowed(sleep: &mut Sleep, mut sent: &mut Result<(), Exception>) -> Resumed<Sleep> {
    yield_from!(sleep, sent)?;
    Ok(Step::Return(()))
}

fn main() {}
