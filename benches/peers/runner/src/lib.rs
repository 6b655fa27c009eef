//! Measures the programs of this workspace in turns, and makes tables of what they did.
//!
//! | module | |
//! |---|---|
//! | [`options`] | the command line |
//! | [`peers`]   | which programs there are, and which of them can be run here |
//! | [`build`]   | building them |
//! | [`machine`] | the machine, as it stands above every table |
//! | [`process`] | programs, their output, and a limit to their time |
//! | [`measure`] | the workloads, each in rounds |
//! | [`results`] | what was measured, as it is kept in files |
//! | [`spread`]  | medians |
//! | [`views`]   | which figures make which table and which chart |
//! | [`tables`]  | tables, for people and for `benches/README.md` |
//! | [`summary`] | the few figures of the library's own README |

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
