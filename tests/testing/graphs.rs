//! Graphs of machines: what is declared, what is seen, how both are compared and drawn.

mod committed;
mod coverage;
mod geometry;
mod machines;
mod observed;
mod pictures;
mod texts;
mod tools;
