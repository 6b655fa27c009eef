//! Many calls of `drain`.

use std::cell::RefCell;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::{
    Await, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, StreamReader, StreamWriter, Task,
};

use crate::support::events::Log;
use crate::support::turns::{Turns, World};

/// A stream, and the far end of its connection.
fn pair(event_loop: &EventLoop) -> (StreamReader, Rc<StreamWriter>, UnixStream) {
    let (near, far) = UnixStream::pair().expect("descriptors are free");
    let (reader, writer) =
        event_loop.run_until_complete(event_loop.open_connection_at(near).unwrap()).expect("it is a stream");
    (reader, Rc::new(writer), far)
}

/// More than the kernel takes, and the high-water mark.
fn much() -> Vec<u8> {
    vec![7; 4 << 20]
}

fn turns(event_loop: &EventLoop, count: u32) {
    event_loop.run_until_complete(Turns(count)).expect("nobody cancels it");
}

/// Drains a number of times, with a new `Drain` at each resume or with a kept one.
struct Draining {
    writer: Rc<StreamWriter>,
    left: u32,
    kept: Option<innermost::stream::Drain>,
    log: Log,
    name: &'static str,
}

impl Draining {
    fn new(name: &'static str, writer: &Rc<StreamWriter>, left: u32, log: &Log) -> Self {
        Self { writer: Rc::clone(writer), left, kept: None, log: log.clone(), name }
    }

    fn kept(mut self) -> Self {
        self.kept = Some(self.writer.drain());
        self
    }
}

impl Coroutine for Draining {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            let drained = match &mut self.kept {
                Some(kept) => innermost::yield_from!(kept, sent),
                None => innermost::yield_from!(self.writer.drain(), sent),
            };
            if let Err(raised) = drained {
                self.log.add(format_args!("{} raised {raised}", self.name));
                return Err(raised);
            }
            self.log.add(self.name);
            self.left -= 1;
            if self.kept.is_some() {
                self.kept = Some(self.writer.drain());
            }
        }
        Ok(Step::Return(()))
    }
}

/// A connection that stays in closing, because its peer does not read. Its buffer is below the high-water mark.
fn closing(event_loop: &EventLoop) -> (StreamReader, Rc<StreamWriter>, UnixStream) {
    let (reader, writer, far) = pair(event_loop);
    writer.transport().set_write_buffer_limits(Some(8 << 20), None).expect("they are in order");
    writer.write(&much()).expect("it is open");
    writer.close();
    (reader, writer, far)
}

// S16
#[test]
fn a_task_that_drains_in_a_loop_does_not_starve_others() {
    for is_kept in [false, true] {
        let world = World::new();
        let (_reader, writer, _far) = closing(&world.event_loop);
        let log = Log::default();
        let tasks: Vec<Task<()>> = [("one", 1), ("many", 6), ("other", 1)]
            .into_iter()
            .map(|(name, count)| {
                let draining = Draining::new(name, &writer, count, &log);
                let draining = if is_kept { draining.kept() } else { draining };
                world.event_loop.create_task(draining).expect("it is open")
            })
            .collect();
        turns(&world.event_loop, 9);
        assert_eq!(log.take(), ["one", "many", "other", "many", "many", "many", "many", "many"]);
        assert!(tasks.iter().all(|task| task.done()));
    }
}

// S16
#[test]
fn each_drain_of_a_closing_stream_yields_once() {
    let world = World::new();
    let (_reader, writer, _far) = closing(&world.event_loop);
    let log = Log::default();
    for name in ["a", "b", "c", "d", "e"] {
        world.event_loop.create_task(Draining::new(name, &writer, 2, &log)).expect("it is open");
    }
    turns(&world.event_loop, 4);
    assert_eq!(log.take(), ["a", "b", "c", "d", "e", "a", "b", "c", "d", "e"]);
}

// S16
#[test]
fn a_cancelled_drain_of_a_closing_stream_does_not_affect_the_next() {
    let world = World::new();
    let (_reader, writer, _far) = closing(&world.event_loop);
    let log = Log::default();
    let first = world.event_loop.create_task(Draining::new("first", &writer, 1, &log)).expect("it is open");
    // Behind its first step, before its second.
    world.event_loop.call_soon(move || assert!(first.cancel())).expect("it is open");
    turns(&world.event_loop, 3);
    assert_eq!(log.take(), ["first raised cancelled"]);
    let order = log.clone();
    world.event_loop.create_task(Draining::new("second", &writer, 1, &log)).expect("it is open");
    world.event_loop.call_soon(move || order.add("others")).expect("it is open");
    turns(&world.event_loop, 3);
    assert_eq!(log.take(), ["others", "second"]);
}

const MANY: usize = 100_000;

const fn oldest_first(turn: usize) -> usize {
    turn
}

const fn newest_first(turn: usize) -> usize {
    MANY - 1 - turn
}

/// Every number once: the step has no divisor in common with their count.
const fn scattered(turn: usize) -> usize {
    turn * 61_803 % MANY
}

/// Makes very many tasks wait, cancels two thirds of them in the given order, and ends the rest with `finish`. If each cancel
/// searched from one end, this would take minutes.
fn cancels_in_order<C>(
    world: &World,
    order: impl Fn(usize) -> usize,
    waits: impl Fn() -> C,
    finish: impl FnOnce(&EventLoop),
) where
    C: innermost::Awaitable<Return = ()> + 'static,
{
    let woken = Rc::new(RefCell::new(Vec::new()));
    let tasks: Vec<Task<()>> = (0..MANY)
        .map(|number| {
            let woken = Rc::clone(&woken);
            let noted = waits().map(move |()| woken.borrow_mut().push(number));
            world.event_loop.create_task(noted).expect("it is open")
        })
        .collect();
    turns(&world.event_loop, 2);
    let cancelled = |number: usize| !number.is_multiple_of(3);
    for number in (0..MANY).map(order).filter(|number| cancelled(*number)) {
        assert!(tasks[number].cancel());
    }
    turns(&world.event_loop, 2);
    for (number, task) in tasks.iter().enumerate() {
        assert_eq!((task.cancelled(), task.done()), (cancelled(number), cancelled(number)));
    }
    finish(&world.event_loop);
    assert!(woken.take().into_iter().eq((0..MANY).filter(|number| !cancelled(*number))));
}

// S15
#[test]
fn drains_can_be_cancelled_in_any_order_and_the_rest_keep_theirs() {
    for order in [oldest_first, newest_first, scattered] {
        let world = World::new();
        let (_reader, writer, mut far) = pair(&world.event_loop);
        writer.write(&much()).expect("it is open");
        let drains = || writer.drain();
        cancels_in_order(&world, order, drains, |event_loop| {
            let reading = std::thread::spawn(move || std::io::Read::read_exact(&mut far, &mut much()).map(|()| far));
            event_loop.run_until_complete(writer.drain()).expect("the peer reads");
            turns(event_loop, 2);
            reading.join().expect("it does not panic").expect("all comes");
        });
    }
}

// S17
#[test]
fn waits_for_the_end_of_a_connection_can_be_cancelled_in_any_order() {
    for order in [oldest_first, newest_first, scattered] {
        let world = World::new();
        let (_reader, writer, _far) = pair(&world.event_loop);
        cancels_in_order(
            &world,
            order,
            || writer.wait_closed(),
            |event_loop| {
                writer.close();
                turns(event_loop, 4);
            },
        );
    }
}

#[test]
fn a_drain_driven_by_hand_yields_once() {
    let event_loop = EventLoop::new().expect("a loop");
    let (_reader, writer, _far) = closing(&event_loop);
    assert!(matches!(writer.drain().resume(Ok(())), Ok(Step::Yield(ref wait)) if wait.is_next_turn()));
    assert!(matches!(writer.drain().resume(Ok(())), Ok(Step::Return(()))));
    assert!(matches!(writer.drain().resume(Ok(())), Ok(Step::Yield(ref wait)) if wait.is_next_turn()));
}
