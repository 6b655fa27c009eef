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

#[test]
fn what_panics_when_it_is_dropped_fails_its_schedule() {
    struct Fragile;
    impl Fragile {
        fn look(&self) {}
    }
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("it broke");
        }
    }
    let keepers: [fn(&Sim, Fragile); 3] = [
        |sim, fragile| sim.always(move || fragile.look()),
        |sim, fragile| sim.finally(move || fragile.look()),
        |sim, fragile| {
            let is_any = move |_: &str| {
                fragile.look();
                true
            };
            sim.faults().in_tasks(is_any);
        },
    ];
    for keep in keepers {
        let program = |sim: &Sim| {
            keep(sim, Fragile);
            Ok(())
        };
        let failure = explore(program).try_run().unwrap_err();
        assert_eq!(failure.exception().to_string(), "it broke", "{failure}");
    }
}
