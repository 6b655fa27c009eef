//! What the chapter `innermost::testing::exploring` shows: its program, and what is said of the failure.

use std::{env, fs};

use innermost::testing::explore;

mod printer {
    include!("../../src/testing/exploring/printer.rs");

    pub(super) fn program(event_loop: &LoopHandle) -> Result<(), Exception> {
        a_page_is_printed(event_loop)
    }
}

/// To renew the text of the chapter: `UPDATE=1 cargo test --test exploring chapter`.
#[test]
fn the_failure_that_the_chapter_shows_is_the_real_one() {
    let failure = explore(|sim| printer::program(sim)).try_run().unwrap_err();
    let told = failure.to_string().replace("exploring::chapter::", "");
    let shown = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/exploring/failure.txt");
    if env::var_os("UPDATE").is_some() {
        fs::write(shown, told.trim_end().to_owned() + "\n").expect("the file can be written");
    }
    assert_eq!(fs::read_to_string(shown).expect("the file is there").trim_end(), told.trim_end());
}

#[test]
fn the_seed_that_the_chapter_names_is_the_real_one() {
    let failure = explore(|sim| printer::program(sim)).random(15).schedules(1_000).try_run().unwrap_err();
    assert_eq!(failure.choices().to_string(), "seed=16 0:1/2");
}
