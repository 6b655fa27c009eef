//! What is said of choices that cannot be replayed, and of what a program has left behind.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{Choices, Sim, explore};
use innermost::{Exception, ready};

fn says(program: impl FnMut(&Sim) -> Result<(), Exception>) -> String {
    explore(program).try_run().unwrap_err().exception().to_string()
}

#[test]
fn choices_in_another_form_are_refused_with_a_reason() {
    let refused = ["1", "2:0/2", "2:2/2", "3:1/2 1:1/2", "0:1/2 seed=1", "seed=x"].map(|text| {
        let raised = text.parse::<Choices>().unwrap_err().to_string();
        raised.strip_prefix(&format!("in the choices \"{text}\", ")).expect("it begins with the choices").to_owned()
    });
    let expected = [
        "`1` is not of the form `7:1/3`: a choice, the alternative, and how many there are",
        "`2:0/2` names an alternative that does not exist, or the natural one, which is left out",
        "`2:2/2` names an alternative that does not exist, or the natural one, which is left out",
        "`1:1/2` comes too late: choices stand in order",
        "`seed=1` is not of the form `7:1/3`: a choice, the alternative, and how many there are",
        "`seed=x` is not a seed, such as `seed=42`",
    ];
    assert_eq!(refused, expected);
    let failure = explore(|_| Ok(())).replay("1").try_run().unwrap_err();
    assert!(failure.to_string().starts_with("nothing was run: ValueError: in the choices"), "{failure}");
}

#[test]
fn what_is_left_behind_is_counted() {
    let set = |timers: u32| {
        says(move |sim| {
            for _ in 0..timers {
                sim.call_later(Duration::from_secs(1), || ())?;
            }
            Ok(())
        })
    };
    let advice = "although no task is left; cancel it, or run the loop until it is due";
    assert_eq!(set(1), format!("leak: 1 timer is set {advice}"));
    assert_eq!(set(2), format!("leak: 2 timers are set {advice}"));
}

#[test]
fn a_task_that_something_still_holds_is_named() {
    let held = Rc::new(RefCell::new(Vec::new()));
    let says = says(|sim| {
        held.borrow_mut().clear();
        held.borrow_mut().push(sim.task().name("kept").spawn(ready(()))?);
        Ok(())
    });
    assert_eq!(says, "leak: kept has ended, and something still holds it");
}
