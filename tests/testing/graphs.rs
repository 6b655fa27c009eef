//! Graphs of machines: what is declared, what is seen, how both are compared and drawn.

mod committed;
mod coverage;
mod observed;
mod texts;
mod tools;
