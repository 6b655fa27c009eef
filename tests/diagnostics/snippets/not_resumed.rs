//! `yield_from!` in functions that do not return `Resumed`.

#![allow(dead_code)]

use innermost::{Exception, Sleep, yield_from};

fn rest(sleep: &mut Sleep, mut sent: Result<(), Exception>) -> Result<(), Exception> {
    yield_from!(sleep, sent) //~ works only in a function that returns `Resumed`, not `Result<(), Exception>`
}

fn rest_silently(sleep: &mut Sleep, mut sent: Result<(), Exception>) {
    let _ = yield_from!(sleep, sent); //~ works only in a function that returns `Resumed`, not `()`
}

fn rest_for(sleep: &mut Sleep, mut sent: Result<(), Exception>) -> Option<u32> {
    yield_from!(sleep, sent).ok()?; //~ works only in a function that returns `Resumed`, not `Option<u32>`
    Some(7)
}

fn main() {}
