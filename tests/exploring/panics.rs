//! Where the panics of a program are printed.

use std::env;
use std::process::Command;

use innermost::testing::{Sim, explore, replay};
use innermost::{Exception, lazy, ready};

const CHILD: &str = "INNERMOST_EXPLORING_PANICS";
const TEST: &str = "panics::a_panic_is_printed_for_the_story_only";

fn panics_for_two(sim: &Sim) -> Result<(), Exception> {
    let chosen = [sim.choose(4), sim.choose(4), sim.choose(4)];
    sim.run(lazy(move || {
        assert!(!chosen.contains(&2), "two was chosen");
        ready(())
    }))
}

/// The panic hook belongs to the process, so the programs run in a process of their own.
#[test]
fn a_panic_is_printed_for_the_story_only() {
    if let Ok(child) = env::var(CHILD) {
        match &*child {
            "every" => drop(explore(panics_for_two).try_run().unwrap_err()),
            "random" => drop(explore(panics_for_two).random(1).try_run().unwrap_err()),
            "replay" => drop(explore(panics_for_two).replay("0:2/4").try_run().unwrap_err()),
            _ => drop(replay("0:1/4", panics_for_two)),
        }
        panic!("after the exploration");
    }
    let printed = ["every", "random", "replay", "none"].map(|child| {
        let program = env::current_exe().expect("it runs");
        let child = Command::new(program).args([TEST, "--exact", "--nocapture"]).env(CHILD, child).output();
        let child = child.expect("it runs once more");
        let printed = String::from_utf8_lossy(&child.stderr).into_owned();
        assert_eq!(printed.matches("after the exploration").count(), 1, "{printed}");
        printed.matches("two was chosen").count()
    });
    assert_eq!(printed, [1, 1, 1, 0]);
}
