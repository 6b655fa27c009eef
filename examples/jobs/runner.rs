//! Running the jobs of a plan, each in a task of its own.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Job
//!     [*] --> Checking
//!     Checking --> Needing: a job that it needs is still running
//!     Checking --> Queueing
//!     Checking --> [*]
//!     Needing --> Checking
//!     Queueing --> Running: a place is free
//!     Queueing --> [*]
//!     Running --> [*]
//! ```
//!
//! A job that ends before one that is listed earlier leaves its output with the [`Printer`], which prints it in its turn.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::process::{Communication, Process, Stdio, shell};
use innermost::sync::{AcquirePermit, EventWait, Permit};
use innermost::{Awaitable, CoroutineExt, Event, Exception, Machine, Semaphore, gather, lazy, machine, yield_from};

use super::plan::Rule;

/// How jobs are run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The number of jobs that run at once.
    pub(crate) limit: usize,
    /// Whether to start jobs although another one has failed.
    pub(crate) keep_going: bool,
}

/// A line about each job that failed, in the order of the plan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failures(pub(crate) Vec<String>);

/// Runs all jobs. `print` gets the output of each, in order.
pub(crate) fn run_jobs(
    rules: Vec<Rule>,
    options: Options,
    print: impl Fn(&[u8]) + 'static,
) -> impl Awaitable<Return = Failures> {
    let all = Rc::new(Jobs {
        options,
        slots: Semaphore::new(options.limit),
        ends: rules.iter().map(|_| End::default()).collect(),
        has_failed: Cell::new(false),
        printer: RefCell::new(Printer {
            outputs: rules.iter().map(|_| None).collect(),
            next: 0,
            print: Box::new(print),
        }),
        rules,
    });
    lazy(move || {
        let job = |place| Job { place, all: Rc::clone(&all) }.start(Phase::Checking);
        gather((0..all.rules.len()).map(job)).map(|failures| Failures(failures.into_iter().flatten().collect()))
    })
}

/// What all jobs share.
struct Jobs {
    options: Options,
    rules: Vec<Rule>,
    slots: Semaphore,
    ends: Vec<End>,
    has_failed: Cell<bool>,
    printer: RefCell<Printer>,
}

/// How a job has ended, for those that need it.
#[derive(Default)]
struct End {
    event: Event,
    is_success: Cell<bool>,
}

/// Receives the output of a job.
type Print = dyn Fn(&[u8]);

/// Prints outputs in order.
struct Printer {
    /// `None` until the job has ended.
    outputs: Vec<Option<Vec<u8>>>,
    /// The first job whose output is not printed.
    next: usize,
    print: Box<Print>,
}

impl Printer {
    fn add(&mut self, place: usize, output: Vec<u8>) {
        self.outputs[place] = Some(output);
        while let Some(Some(output)) = self.outputs.get_mut(self.next) {
            (self.print)(output);
            *output = Vec::new();
            self.next += 1;
        }
    }
}

/// A job of the plan. Returns a line for people if it fails.
pub(crate) struct Job {
    place: usize,
    all: Rc<Jobs>,
}

machine!(
    impl Machine for Job {
        pub(crate) type State = Phase;
        type Return = Option<String>;

        fn Checking(&mut self) -> Next<Needing, Queueing, End> {
            let rule = &self.all.rules[self.place];
            let ends = || rule.needs.iter().map(|need| &self.all.ends[*need]);
            if let Some(end) = ends().find(|end| !end.event.is_set()) {
                to(Needing(end.event.wait()))
            } else if !ends().all(|end| end.is_success.get()) {
                end(self.left_out())
            } else if rule.script.is_empty() {
                end(self.ended(Vec::new(), None))
            } else {
                to(Queueing(self.all.slots.acquire()))
            }
        }

        fn Needing(&mut self, waited: Outcome<EventWait>) -> Next<Checking> {
            waited?;
            to(Checking)
        }

        fn Queueing(&mut self, acquired: Outcome<AcquirePermit>) -> Next<Running, End> {
            let slot = acquired?;
            if self.all.has_failed.get() && !self.all.options.keep_going {
                return end(self.left_out());
            }
            match self.process() {
                Ok(process) => to(Running(process, Communication::new(), slot)),
                Err(raised) => end(self.ended(Vec::new(), Some(raised.to_string()))),
            }
        }

        /// Leaving this state frees the slot.
        fn Running(
            &mut self,
            sent: Sent,
            process: &mut Process,
            kept: &mut Communication,
            _slot: &mut Permit,
        ) -> Next<End> {
            let status = yield_from!(process.communicate(kept), sent)?;
            let failure = (!status.success()).then(|| status.to_string());
            end(self.ended(kept.stdout().to_vec(), failure))
        }
    }
);

impl Job {
    /// Starts the script. Ctrl-C reaches this program alone, which then kills the script's whole group.
    fn process(&self) -> Result<Process, Exception> {
        let script = format!("set -e\n{}", self.all.rules[self.place].script);
        let command = shell(script).stdin(Stdio::Null).stdout(Stdio::Pipe).stderr(Stdio::Stdout);
        command.process_group(0).kill_on_drop(true).spawn()
    }

    /// Tells the others that the job has ended.
    fn ended(&self, output: Vec<u8>, failure: Option<String>) -> Option<String> {
        let end = &self.all.ends[self.place];
        end.is_success.set(failure.is_none());
        end.event.set();
        if failure.is_some() {
            self.all.has_failed.set(true);
        }
        self.all.printer.borrow_mut().add(self.place, output);
        failure.map(|why| format!("{}: {why}", self.all.rules[self.place].name))
    }

    fn left_out(&self) -> Option<String> {
        self.ended(Vec::new(), Some("left out, because another job has failed".to_owned()))
    }
}
