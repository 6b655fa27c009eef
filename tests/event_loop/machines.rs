//! Machines declared by `machine!`, run by tasks.

use std::rc::Rc;
use std::time::Duration;

use innermost::testing::{MemoryStream, memory_pair, virtual_loop};
use innermost::wait::{Limit, Race, Racing, Won};
use innermost::{
    Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Kind, Machine, Sleep, Step, drive, from_fn, machine,
    sleep, spawn, task_group, yield_from,
};

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
    log: Rc<std::cell::RefCell<Vec<&'static str>>>,
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
    let log = Rc::default();
    let parent = Parent { goodbye: sleep(Duration::from_millis(1)), log: Rc::clone(&log) };
    let group = task_group(|_| sleep(Duration::ZERO));
    let task = event_loop.create_task(parent.start(Family::Working(group))).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_millis(1))).unwrap();
    assert!(task.cancel());
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(*log.borrow(), ["cleaned up"]);
}

/// Reads until it is cancelled, and then says good-bye.
struct Polite {
    stream: MemoryStream,
    incoming: Buffer,
    outgoing: Buffer,
    race: Race,
    limit: Limit,
    over: Racing<Sleep>,
}

machine!(
    impl Machine for Polite {
        type State = Talk;
        type Return = &'static str;

        fn Racing(&mut self, sent: Sent) -> Next<End> {
            yield_from!(self.race.run((self.stream.read(&mut self.incoming), &mut self.over)), sent)?;
            end("talked")
        }

        fn Limited(&mut self, sent: Sent) -> Next<End> {
            yield_from!(self.limit.run(self.stream.read(&mut self.incoming)), sent)?;
            end("talked")
        }

        fn Leaving(&mut self, sent: Sent) -> Next<Pausing, End> {
            match yield_from!(self.race.run((self.stream.write_all(&mut self.outgoing), &mut self.over)), sent)? {
                Won::A(()) => to(Pausing(sleep(3 * SECOND))),
                Won::B(()) => end("silent"),
            }
        }

        fn Pausing(&mut self, slept: Outcome<Sleep>) -> Next<End> {
            slept?;
            end("polite")
        }

        fn thrown(&mut self, _state: &mut Talk, thrown: Exception) -> Next<Leaving> {
            if !thrown.is_cancelled() || self.outgoing.is_empty() {
                return Err(thrown);
            }
            self.limit.clear();
            to(Leaving)
        }
    }
);

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_hook_may_leave_a_race_or_a_limit() {
    for first in [Talk::Racing, Talk::Limited] {
        let (near, far) = memory_pair();
        let polite = Polite {
            stream: near,
            incoming: Buffer::new(),
            outgoing: Buffer::from(b"bye".to_vec()),
            race: Race::new(),
            limit: Limit::new(2 * SECOND),
            over: Racing::new(sleep(10 * SECOND)),
        };
        let event_loop = virtual_loop().unwrap();
        let task = event_loop.create_task(polite.start(first)).unwrap();
        let theirs = task.clone();
        event_loop.call_later(SECOND, move || assert!(theirs.cancel())).unwrap();
        assert_eq!(event_loop.run_until_complete(task).unwrap(), "polite");
        assert_eq!(event_loop.time().since_zero(), 4 * SECOND);
        drop(far);
    }
}

/// Yields once, and returns what it is sent.
fn asks_once() -> impl Coroutine<Yield = (), Input = u8, Return = Result<u8, Kind>> {
    let mut has_asked = false;
    from_fn(move |sent: Result<u8, Exception>| match std::mem::replace(&mut has_asked, true) {
        false => Ok(Step::Yield(())),
        true => Ok(Step::Return(sent.map_err(|raised| raised.kind()))),
    })
}

#[test]
fn an_answer_that_waits_for_something_of_another_loop_raises_in_the_machine() {
    let (ours, other) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
    for event_loop in [&ours, &other] {
        let future = event_loop.create_future::<u8>();
        let awaited = future.clone();
        event_loop.call_soon(move || future.set_result(7).expect("it is pending")).unwrap();
        let answered = ours.run_until_complete(drive(asks_once(), move |()| awaited.clone()));
        let is_ours = std::ptr::eq(event_loop, &raw const ours);
        assert_eq!(answered.unwrap(), if is_ours { Ok(7) } else { Err(Kind::RuntimeError) });
    }
}

#[test]
fn an_answer_that_runs_its_own_loop_raises_in_the_machine() {
    let event_loop = Rc::new(EventLoop::new().unwrap());
    let running = Rc::clone(&event_loop);
    let answered = event_loop.run_until_complete(drive(asks_once(), move |()| {
        let running = Rc::clone(&running);
        from_fn(move |_: Result<(), Exception>| {
            running.run_until_complete(sleep(Duration::ZERO))?;
            Ok(Step::<innermost::Await, (), _>::Return(1))
        })
    }));
    assert_eq!(answered.unwrap(), Err(Kind::RuntimeError));
}
