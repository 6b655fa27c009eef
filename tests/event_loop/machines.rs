//! Machines declared by `machine!`, run by tasks.

use std::time::Duration;

use innermost::{EventLoop, Exception, Machine, Sleep, machine, sleep, spawn, task_group};

const LONG: Duration = Duration::from_secs(3600);

/// Sleeps; a cancel wakes it `left` times.
struct Dozing {
    left: u32,
    log: Vec<&'static str>,
}

machine!(
    impl Machine for Dozing {
        type Return = Vec<&'static str>;
        type State = Doze;

        fn Asleep(&mut self, slept: Outcome<Sleep>) -> Next<End> {
            self.log.push(if slept.is_ok() { "slept" } else { "cancelled" });
            slept?;
            end(std::mem::take(&mut self.log))
        }

        fn thrown(&mut self, state: &mut Doze, thrown: Exception) -> Next {
            if !thrown.is_cancelled() || self.left == 0 {
                return Err(thrown);
            }
            self.left -= 1;
            self.log.push("woken");
            let Doze::Asleep(nap) = state;
            // The cancel has cancelled the former one as well.
            *nap = sleep(Duration::ZERO);
            stay()
        }
    }
);

fn dozing(left: u32) -> innermost::Running<Dozing> {
    Dozing { left, log: vec![] }.start(Doze::Asleep(sleep(LONG)))
}

#[test]
fn a_hook_may_replace_the_child_that_a_cancel_has_cancelled() {
    let event_loop = EventLoop::new().unwrap();
    let task = event_loop.create_task(dozing(1)).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert_eq!(task.stack_trace().frames(), ["Dozing: Asleep > sleep: 3600s"]);
    assert!(task.cancel());
    assert_eq!(event_loop.run_until_complete(task).unwrap(), ["woken", "slept"]);
}

#[test]
fn a_cancel_that_no_hook_takes_reaches_the_child() {
    let event_loop = EventLoop::new().unwrap();
    let task = event_loop.create_task(dozing(0)).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert!(task.cancel());
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
}

/// Starts tasks, and cleans up by awaiting, whichever way it ends.
struct Parent {
    goodbye: Sleep,
    log: std::rc::Rc<std::cell::RefCell<Vec<&'static str>>>,
}

machine!(
    impl Machine for Parent {
        type State = Family;

        fn Working(&mut self, worked: Outcome<innermost::wait::GroupScope<Sleep>>) -> Next<Last> {
            worked?;
            spawn(sleep(Duration::ZERO))?;
            to(Last(sleep(LONG)))
        }

        fn Last(&mut self, slept: Outcome<Sleep>) -> Next<End> {
            slept?;
            end(())
        }

        fn finally(&mut self, sent: Sent) -> Done {
            let slept = innermost::yield_from!(self.goodbye, sent);
            self.log.borrow_mut().push("cleaned up");
            slept
        }
    }
);

#[test]
fn a_cancelled_machine_awaits_its_cleanup() {
    let event_loop = EventLoop::new().unwrap();
    let log = std::rc::Rc::default();
    let parent = Parent { goodbye: sleep(Duration::from_millis(1)), log: std::rc::Rc::clone(&log) };
    let group = task_group(|_| sleep(Duration::ZERO));
    let task = event_loop.create_task(parent.start(Family::Working(group))).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_millis(1))).unwrap();
    assert!(task.cancel());
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(*log.borrow(), ["cleaned up"]);
}
