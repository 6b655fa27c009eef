//! Measures the programs of this workspace in turns, and makes tables of the results.
//!
//! | module | |
//! |---|---|
//! | [`options`] | the command line |
//! | [`peers`]   | the programs |
//! | [`build`]   | building them |
//! | [`machine`] | the machine that runs the benchmarks |
//! | [`process`] | running programs, with a time limit |
//! | [`measure`] | the workloads, each in rounds |
//! | [`results`] | the results, and the files that keep them |
//! | [`spread`]  | medians |
//! | [`views`]   | the figures in each table and chart |
//! | [`tables`]  | tables, for the terminal and for `benches/README.md` |
//! | [`summary`] | the table in the library's README |

pub mod build;
pub mod machine;
pub mod measure;
pub mod options;
pub mod peers;
pub mod process;
pub mod results;
pub mod spread;
pub mod summary;
pub mod tables;
pub mod views;

use std::error::Error;

pub type Failure = Box<dyn Error + Send + Sync>;
