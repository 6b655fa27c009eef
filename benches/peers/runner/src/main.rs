//! The program behind `benches/peers/run`. [`options::HELP`] describes its arguments.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use runner::options::{HELP, Options, WORKLOADS};
use runner::results::{self, Results};
use runner::views::VIEWS;
use runner::{Failure, machine, measure, summary, tables};

/// The folder with the results, relative to the workspace's folder.
const RESULTS: &str = "results";
/// The README of the benchmarks, with all tables.
const README: &str = "../README.md";
/// The README of the library, with the summary.
const OWN_README: &str = "../../README.md";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("run: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let options = Options::parse(env::args().skip(1))?;
    if options.help {
        print!("{HELP}");
        return Ok(());
    }
    measure::check(&options)?;
    // All paths are relative to the workspace's folder.
    env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    println!("{}", machine::description());
    let (server, client) = machine::server_and_client();
    if server == client {
        println!("there is only one core: server and client share it, so figures of echo mean little");
    }
    for workload in &options.workloads {
        match workload.as_str() {
            "tables" => WORKLOADS.iter().try_for_each(|workload| print_tables(workload))?,
            "publish" => publish()?,
            workload => {
                measure::measure(workload, &options, Path::new(RESULTS))?;
                print_tables(workload)?;
            }
        }
    }
    Ok(())
}

/// The last results of a workload. `None` if it has not been measured.
fn read(workload: &str) -> Result<Option<Results>, Failure> {
    let path = results::path(Path::new(RESULTS), workload);
    if path.exists() { Results::read(&path).map(Some) } else { Ok(None) }
}

fn print_tables(workload: &str) -> Result<(), Failure> {
    let Some(results) = read(workload)? else { return Ok(()) };
    for view in VIEWS.iter().filter(|view| view.workload == workload) {
        print!("{}", tables::long(view, &results));
    }
    print!("\n{}", tables::left_out(&results));
    Ok(())
}

fn publish() -> Result<(), Failure> {
    let mut readme = fs::read_to_string(README)?;
    for workload in WORKLOADS {
        let Some(results) = read(workload)? else { continue };
        let mut text = format!("\n{}.\n", results.machine);
        for view in VIEWS.iter().filter(|view| view.workload == *workload) {
            if let Some(table) = tables::short(view, &results) {
                text += &format!("\n{table}\n![{}](peers/charts/{}.svg)\n", view.title, view.name);
            }
        }
        readme = tables::replace_between_markers(&readme, workload, &(text + "\n"))?;
    }
    fs::write(README, readme)?;
    if let Some(table) = summary::summary(|workload| read(workload).ok().flatten()) {
        let readme = fs::read_to_string(OWN_README)?;
        fs::write(OWN_README, tables::replace_between_markers(&readme, "summary", &table)?)?;
    }
    let charts =
        Command::new("cargo").args(["run", "--quiet", "--release", "--locked", "--package", "report"]).status()?;
    if charts.success() { Ok(()) } else { Err("drawing the charts failed".into()) }
}
