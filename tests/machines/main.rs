//! Machines declared by `machine!`: what a state keeps, what may follow it, the hooks, and what can be asked of a machine.
//!
//! Mistakes, and what the compiler says about them, are in `diagnostics`.

mod declarations;
mod hooks;
mod lines;
mod many_states;
mod parameters;
mod states;
mod transitions;
