//! The twin of `not_resumed.rs`: a function with the return type of `resume`.

#![allow(dead_code)]

use innermost::{Exception, Resumed, Sleep, yield_from};

fn rest(sleep: &mut Sleep, mut sent: Result<(), Exception>) -> Resumed<Sleep> {
    yield_from!(sleep, sent).map(innermost::Step::Return)
}

fn main() {}
