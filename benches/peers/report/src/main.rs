//! Draws the results as SVG charts: one file per view, one panel per column, one bar per peer. The thin line on a bar goes
//! from the smallest figure to the largest. The vertical lines mark the medians of the bound and of ours.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use runner::Failure;
use runner::results::{self, Results};
use runner::views::VIEWS;

mod chart;

const CHARTS: &str = "charts";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    fs::create_dir_all(CHARTS)?;
    for view in VIEWS {
        let path = results::path(Path::new("results"), view.workload);
        if path.exists() {
            chart::draw(view, &Results::read(&path)?, &Path::new(CHARTS).join(view.name).with_extension("svg"))?;
        }
    }
    Ok(())
}
