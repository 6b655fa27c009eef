//! What is found of programs that do not repeat, and what is said of them.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use innermost::testing::{Failure, Sim, explore};
use innermost::{Exception, ready, sleep};

fn failure(program: impl FnMut(&Sim) -> Result<(), Exception>) -> String {
    let failure: Failure = *explore(program).try_run().unwrap_err();
    let text = failure.exception().to_string();
    assert!(text.starts_with("the program is not deterministic"), "{failure}");
    text
}

#[test]
fn the_order_of_a_hash_map_is_found() {
    let text = failure(|sim| {
        let names: HashMap<_, _> = (0..20).map(|number| (number, format!("task {number}"))).collect();
        for name in names.values() {
            sim.task().name(&**name).spawn(ready(()))?;
        }
        Ok(())
    });
    assert!(text.contains("after 0 steps\n  one run:   1 task ") || text.contains("part after"), "{text}");
}

#[test]
fn a_real_clock_is_found() {
    let start = Instant::now();
    let text = failure(|sim| sim.run(sleep(start.elapsed())));
    assert!(text.contains("one run:   turn 2, at ") && text.contains("the other: turn 2, at "), "{text}");
    failure(|sim| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        sim.run(sleep(now))
    });
}

#[test]
fn an_address_used_as_a_key_is_found() {
    // The allocator may give each run the same addresses, so the runs take the same objects in different orders.
    let mut objects: Vec<_> = (0..8).map(Rc::new).collect();
    failure(|sim| {
        objects.rotate_left(1);
        let numbered = objects.iter().enumerate();
        let by_address: BTreeMap<_, _> = numbered.map(|(number, object)| (Rc::as_ptr(object).addr(), number)).collect();
        for number in by_address.values() {
            sim.task().name(format!("task {number}")).spawn(ready(()))?;
        }
        Ok(())
    });
}

#[test]
fn what_outlives_a_run_is_found() {
    let runs = Cell::new(0);
    let text = failure(|sim| {
        runs.set(runs.get() + 1);
        sim.task().name(format!("run {}", runs.get())).spawn(ready(()))?;
        Ok(())
    });
    assert_eq!(
        text,
        "the program is not deterministic: two runs of one schedule part after 0 steps\n  \
         one run:   1 run 1: start -> end\n  the other: 1 run 2: start -> end"
    );
}

#[test]
fn a_program_that_parts_in_a_later_schedule_shows_both_sides() {
    let runs = Cell::new(0);
    let text = failure(|sim| {
        runs.set(runs.get() + 1);
        // The first schedule and its repetitions are alike.
        let name = if runs.get() <= 3 { 0 } else { runs.get() };
        if name > 0 {
            sim.task().name(format!("run {name}")).spawn(ready(()))?;
        }
        sim.task().name("one").spawn(ready(()))?;
        sim.task().name("two").spawn(ready(()))?;
        Ok(())
    });
    assert!(text.contains("there are 3 alternatives now, and there were 2"), "{text}");
}

#[test]
fn a_program_that_ends_otherwise_the_second_time_is_found() {
    let runs = Cell::new(0);
    let text = failure(|_| {
        runs.set(runs.get() + 1);
        assert!(runs.get() != 2, "the second run");
        Ok(())
    });
    assert!(text.contains("the second run"), "{text}");
    let runs = Cell::new(0);
    let text = failure(|_| {
        runs.set(runs.get() + 1);
        assert!(runs.get() != 1, "the first run");
        Ok(())
    });
    assert!(text.contains("did not fail when repeated"), "{text}");
}

#[test]
fn a_random_schedule_is_repeated_too() {
    let runs = Cell::new(0);
    let failure = explore(|sim| {
        runs.set(runs.get() + 1);
        sim.run(sleep(Duration::from_secs(runs.get())))
    })
    .random(1)
    .try_run()
    .unwrap_err();
    assert!(failure.exception().to_string().contains("the program is not deterministic"), "{failure}");
    assert_eq!(failure.schedules(), 1);
}

#[test]
fn a_replay_of_another_program_says_where_it_differs() {
    let program = |tasks: usize| {
        move |sim: &Sim| {
            for _ in 0..tasks {
                sim.create_task(ready(()))?;
            }
            Ok(())
        }
    };
    let failure = explore(program(3)).replay("0:1/2").try_run().unwrap_err();
    let text = failure.exception().to_string();
    let expected = "at choice 0, there are 3 alternatives now, and there were 2";
    assert_eq!(text, format!("the program has changed, or is not deterministic: {expected}"));
    assert!(failure.story().contains("?     choice 0 is another one now: Task-1, Task-2, Task-3"), "{failure}");
    let failure = explore(program(1)).replay("0:1/2").try_run().unwrap_err();
    let text = failure.exception().to_string();
    assert!(text.ends_with("at choice 0, the run made 0 choices in all, and the list goes on"), "{text}");
}

#[test]
fn a_program_that_draws_its_numbers_from_the_simulation_repeats() {
    let explored = explore(|sim| {
        let pause = Duration::from_millis(sim.random() % 100);
        sim.create_task(sleep(pause))?;
        sim.create_task(sleep(pause))?;
        Ok(())
    })
    .run();
    assert!(explored.is_complete());
}

#[test]
fn one_of_a_kind_is_counted_in_the_singular() {
    let choose = |sim: &Sim| -> Result<(), Exception> {
        sim.choose(2);
        Ok(())
    };
    let failure = explore(choose).replay("0:1/2 5:1/2").try_run().unwrap_err();
    let text = failure.exception().to_string();
    assert!(text.ends_with("at choice 5, the run made 1 choice in all, and the list goes on"), "{text}");
    let failure = explore(|sim| sim.run(sleep(Duration::ZERO))).steps(1).try_run().unwrap_err();
    assert_eq!(failure.exception().to_string(), "the program has not ended after 1 step");
    let runs = Cell::new(0);
    let text = self::failure(|sim| {
        runs.set(runs.get() + 1);
        sim.create_task(ready(()))?;
        sim.task().name(format!("task of run {}", runs.get())).spawn(ready(()))?;
        Ok(())
    });
    assert!(text.contains("part after 1 step\n"), "{text}");
}
