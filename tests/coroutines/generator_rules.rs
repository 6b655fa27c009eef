//! The rules of generators, one test each: PEP 342, 380 and 479, as CPython 3.13 implements them.
//!
//! G1 to G25 are the rules of generators, D1 to D20 the rules of `yield from`, and C1 and C2 the rules of a coroutine that is
//! awaited (C3 to C5 are in `tasks.rs`). A comment above a test cites its rule. These cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | G17 | the end of an async generator raised in a generator passes unchanged | there are no async generators |
//! | G19 | the exception being handled is saved and restored at a yield | none is handled implicitly: it is a value |
//! | G20 | what is thrown gets what is being handled as its context | a cause is given explicitly, and makes no cycle |
//! | G21 | throwing something that is not an exception | the types forbid it |
//! | G23 | a walk of the stack from inside the innermost shows all | it has no way to ask; who drives it has, at a yield |
//! | G24 | a signal raises in the innermost running frame | a signal raises nothing in Rust |
//! | C3  | a coroutine that was never started is warned of when it is dropped | the compiler warns: `#[must_use]` |
//! | D5  | sending a value to what only takes none | the types forbid it: `from_iter` takes `()` |
//! | D7  | delegating to a generator that has ended completes with None | there is no None: see C1 |

mod bodies;
mod calls;
mod combinators;
mod delegation;
mod driver;
mod exceptions;
mod generators;
