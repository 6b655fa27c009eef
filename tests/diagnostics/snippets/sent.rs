//! The sent value is not a `Result<_, Exception>`, or is immutable.

#![allow(dead_code)]

use innermost::{Exception, Resumed, Sleep, Step, yield_from};

fn wrong_error(sleep: &mut Sleep, mut sent: Result<(), std::io::Error>) -> Resumed<Sleep> {
    yield_from!(sleep, sent)?; //~ needs a variable `sent` of type `Result<_, Exception>`, not `Result<(), std::io::Error>`
    Ok(Step::Return(()))
}

fn no_result(sleep: &mut Sleep, mut sent: ()) -> Resumed<Sleep> {
    yield_from!(sleep, sent)?; //~ needs a variable `sent` of type `Result<_, Exception>`, not `()`
    Ok(Step::Return(()))
}

fn not_mutable(sleep: &mut Sleep, sent: Result<(), Exception>) -> Resumed<Sleep> {
    yield_from!(sleep, sent)?; //~ consider changing this to be mutable
    Ok(Step::Return(()))
}

fn reference(sleep: &mut Sleep, sent: &mut Result<(), Exception>) -> Resumed<Sleep> {
    yield_from!(sleep, sent)?; //~ consider making the binding mutable
    Ok(Step::Return(()))
}

fn main() {}
