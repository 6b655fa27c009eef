//! A chapter about exploring: from a bug that anybody could have written to a test that keeps it away.
//!
//! A test of a concurrent program shows one order of events. The users of the program meet the others. This chapter is
//! about [`explore`](fn@super::explore), which runs a program in every order and with every fault.
//!
//! # A test that passes
//!
//! A printer takes pages from a list. If the list is empty, it writes "idle" on its display, and waits for an event.
//! Whoever adds a page sets the event.
//!
//! ```
#![doc = include_str!("printer.rs")]
//!
//! let event_loop = innermost::testing::virtual_loop()?;
//! a_page_is_printed(&event_loop)?;
//! # Ok::<(), Exception>(())
//! ```
//!
//! The test passes, today and each time. The printer works for weeks. Then it shows "idle" and prints nothing more,
//! although there are pages in its list. Nobody can make that happen again.
//!
//! # Every order
//!
//! The callback that adds the page and the task of the printer are ready in the same turn of the loop. The loop runs
//! them in the order in which they became ready (FIFO), so in this test the page always comes first. In real life, the
//! page comes when it likes.
//!
//! `explore` runs the program once for each order. It gives the program a [`Sim`](super::Sim), which can be used
//! wherever a [`LoopHandle`](crate::LoopHandle) is expected:
//!
//! ```should_panic
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/exploring/printer.rs"));
//! # fn main() {
//! use innermost::testing::explore;
//!
//! explore(|sim| a_page_is_printed(sim)).run();
//! # }
//! ```
//!
//! The second schedule fails, with this message:
//!
//! ```text
#![doc = include_str!("failure.txt")]
//! ```
//!
//! # Reading the story
//!
//! The first line says what is wrong: the loop would wait for ever, because the printer waits for an event that nobody
//! sets.
//!
//! The second line is the schedule. A _choice_ is a place where the program could go on in several ways. At most
//! choices, this schedule does what the loop does without exploration, and the text names only the others. `0:1/2` is
//! choice number 0, where it took alternative 1 of 2. All numbers count from 0, and alternative 0 is the natural one.
//!
//! Then comes the story, turn by turn, with the time on the clock of the loop. A line is one step. It says who ran,
//! from which state to which, what it waits for now, and who woke it. A `*` marks a step that was not natural, with
//! what would have run instead. A `!` marks a fault. The last lines show the path of each task through its states.
//!
//! So the printer ran before the page came. It found nothing and began to write "idle". In the same turn, the page came
//! and set the event. A millisecond later, the printer _cleared_ the event, and waited for it. Its list has a page, but
//! nobody will set the event again. This bug is called a lost wake-up.
//!
//! # Mending it
//!
//! The printer has to clear the event before it looks into the list. A page that comes after the look then leaves the
//! event set.
//!
//! ```
#![doc = include_str!("mended.rs")]
//!
//! let explored = innermost::testing::explore(|sim| a_page_is_printed(sim)).run();
//! assert!(explored.is_complete());
//! ```
//!
//! That it [is complete](super::Explored::is_complete) means that every schedule was run and none failed. For this
//! program, within these bounds, it is a proof.
//!
//! # Keeping it away
//!
//! Explore a small program in each run of the tests, as above. This one takes less than a millisecond.
//!
//! A large program has too many schedules. [`random`](fn@super::random) runs some of them. `random(15, 1_000, ..)`
//! finds the bug too. It numbers the schedules with seeds, from 15 on, and the message says which seed has failed:
//! `choices: "seed=16 0:1/2"`. That goes into a regression test:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/exploring/mended.rs"));
//! # fn main() {
//! use innermost::testing::{random, replay};
//!
//! // #[test]
//! fn a_page_that_comes_while_the_printer_shows_idle_is_printed() {
//!     // The seed with which it once failed, and a thousand others.
//!     random(16, 1_000, |sim| a_page_is_printed(sim));
//! }
//!
//! // #[test]
//! fn the_printer_may_look_before_the_page_comes() {
//!     // Exactly the schedule that failed.
//!     replay("seed=16 0:1/2", |sim| a_page_is_printed(sim));
//! }
//! # a_page_that_comes_while_the_printer_shows_idle_is_printed();
//! # the_printer_may_look_before_the_page_comes();
//! # }
//! ```
//!
//! The two differ when the program changes. A seed makes random choices, whatever there is to choose.
//! [`replay`](fn@super::replay) makes exactly the choices that it is given. If the program does not offer them any
//! more, it fails, and says where. So keep the seed in the test, and use `replay` to look at a failure: under a
//! debugger, with more output, or with `RUST_BACKTRACE=1`. If the exploration had settings, the replay needs the same
//! ones: `explore(program).steps(500).replay("0:1/2").run()`.
//!
//! In continuous integration, test each change with a fixed seed, so that a change that fails has caused the failure.
//! Test with a new seed each night, for example the number of the day. The message names the seed, so no failure is
//! lost.
//!
//! # What is chosen
//!
//! - Which of the tasks, callbacks and timers that are ready in one turn runs next. Nothing moves from one turn to
//!   another, because the number of turns that an operation takes is a promise of the loop.
//! - How long a function of [`to_thread`](crate::to_thread) or of `run_in_executor` takes. It runs in the loop's own
//!   thread.
//! - What the program asks: [`sim.choose(3)`](super::Sim::choose) returns 0, 1 and 2 in turn, for example the number of
//!   bytes that a peer sends.
//! - Whether a fault happens.
//!
//! # Faults
//!
//! Faults are off until the program turns them on, by [`sim.faults()`](super::Sim::faults):
//!
//! | fault | what happens |
//! |---|---|
//! | [`every_suspension`](super::Faults::every_suspension)`(Cancel)` | somebody cancels a task where it waits |
//! | `every_suspension(Throw)` | what a task waits for fails with a `ConnectionReset` |
//! | `every_suspension(Close)` | a task is closed, as by closing the loop |
//! | [`clock_jumps`](super::Faults::clock_jumps)`(..)` | a step takes longer than anybody expected |
//! | [`every_allocation_of_descriptors`](super::Faults::every_allocation_of_descriptors)`(EMFILE)` | listening, connecting or accepting in the simulated network raises this error |
//! | [`sim.net().partial()`](super::Network::partial) | a read or a write of the network moves some of the bytes, or none in this turn |
//! | [`sim.net().lose(0.01)`](super::Network::lose) | a packet is lost, and sent again later |
//!
//! The network has faults that are no choices: they happen in each schedule in which the program asks for them. See
//! [`reset_at`](super::Network::reset_at), [`partition`](super::Network::partition),
//! [`latency`](super::Network::latency) and [`bandwidth`](super::Network::bandwidth). A
//! [`Host`](super::Host) can crash and restart. To try each moment, take it from [`sim.choose`](super::Sim::choose).
//!
//! The values of `every_suspension` can be combined: `Cancel | Throw`. [`in_tasks`](super::Faults::in_tasks) spares some
//! tasks, and [`at_most`](super::Faults::at_most) allows several faults in one schedule. The exception of a fault may come
//! out of the program; that is no failure. What a fault leaves behind is one:
//!
//! ```
//! use innermost::testing::Interruption::Cancel;
//! use innermost::testing::explore;
//! use innermost::{CoroutineExt, Semaphore, sleep};
//! use std::time::Duration;
//!
//! let failure = explore(|sim| {
//!     sim.faults().every_suspension(Cancel);
//!     let slots = Semaphore::new(1);
//!     let (taken, given_back) = (slots.clone(), slots.clone());
//!     let upload = sleep(Duration::from_secs(1)).map(move |()| given_back.release());
//!     sim.create_task(taken.acquire().then(|permit| {
//!         permit.forget();
//!         upload
//!     }))?;
//!     sim.finally(move || assert_eq!(slots.value(), 1, "the slot was not given back"));
//!     Ok(())
//! })
//! .try_run()
//! .unwrap_err();
//! assert!(failure.exception().to_string().contains("the slot was not given back"));
//! ```
//!
//! Without the two last words, `forget` and `release`, the permit gives itself back, and no schedule fails.
//!
//! Slow, cut and broken connections are in [`Network`](super::Network) and [`memory_pair`](super::memory_pair).
//!
//! # What is checked
//!
//! [`sim.always(..)`](super::Sim::always) is checked after each step, and [`sim.finally(..)`](super::Sim::finally) at
//! the end, when all tasks have ended. State what must hold in any order: "no seat is sold twice", rather than "ann
//! gets the seat".
//!
//! # Bounds
//!
//! The number of schedules grows quickly: five tasks that are ready together can run in 120 orders, ten in 3,628,800.
//! So explore small programs: two or three tasks that share something, and one operation each. Nearly all bugs need no
//! more. Schedules that differ least from the natural order are run first.
//!
//! | bound | default | it limits |
//! |---|--:|---|
//! | [`schedules`](super::Explore::schedules) | 100,000 | how many schedules are run. If it is reached, the result is not complete |
//! | [`preemptions`](super::Explore::preemptions) | none | how many choices of order differ from the natural one in a schedule |
//! | [`steps`](super::Explore::steps) | 100,000 | how long one schedule is. A program that is not over by then has failed |
//! | [`Faults::at_most`](super::Faults::at_most) | 1 | how many faults happen in one schedule |
//!
//! If a program has too many schedules, set `preemptions(2)` first. That finds every bug that needs two unlucky
//! moments, and bugs that need three are rare.
//!
//! # The same program each time
//!
//! Exploring, replaying and making a schedule small all rely on one thing: a program that is given the same choices
//! does the same. If it does not, the failure says "the program is not deterministic", and shows the step at which two
//! runs part. These are the usual reasons:
//!
//! | reason | what to do |
//! |---|---|
//! | The order of a `HashMap` or `HashSet` differs from map to map. | Use a `BTreeMap`, or sort before you iterate. |
//! | `Instant::now` and `SystemTime::now` read real clocks. | Use [`sim.time()`](crate::LoopHandle::time) and [`sleep`](fn@crate::sleep). |
//! | Random numbers come from the system. | Use [`sim.random()`](super::Sim::random), or take the seed from it. |
//! | A real thread is as fast as it likes. | Use [`to_thread`](crate::to_thread), or [`sim.choose`](super::Sim::choose). |
//! | Addresses of objects differ from run to run. | Do not sort or hash by them. Give the objects numbers. |
//! | Something lasts from one run to the next: a `static`, a `thread_local!`, a variable outside of the closure. | Make everything inside of the program. |
//! | Sockets, files and other processes do as they like. | Use [`memory_pair`](super::memory_pair) or a [`Network`](super::Network). |
//!
//! Some schedules run more than once, to find most of this. What a program reads but does not act upon is not found.
