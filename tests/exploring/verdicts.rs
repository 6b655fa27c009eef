//! What a schedule is said to have failed with, where several things went wrong.

use innermost::sync::Event;
use innermost::testing::explore;
use innermost::{CoroutineExt, Exception, Kind};

use crate::common::turn;

#[test]
fn a_task_that_fails_is_named_rather_than_the_deadlock_that_follows() {
    let failure = explore(|sim| {
        let event = Event::new();
        sim.create_task(event.wait())?;
        sim.create_task(turn().try_map(move |()| {
            let text = "it will never be set";
            Err::<(), _>(Exception::message(Kind::ValueError, text)).inspect(|()| event.set())
        }))?;
        Ok(())
    });
    let raised = failure.try_run().unwrap_err().exception().to_string();
    assert!(raised.contains("it will never be set"), "{raised}");
}
