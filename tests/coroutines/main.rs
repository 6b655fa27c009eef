//! Coroutines without a loop: the rules of generators, delegation, and chains of any depth.

mod deep_stacks;
#[cfg(feature = "full")]
mod deep_structures;
mod delegation;
mod delegation_trees;
mod driving;
mod generator_rules;
#[path = "../support/log.rs"]
mod log;
