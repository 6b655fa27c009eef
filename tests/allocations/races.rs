//! A race allocates once.

use std::time::Duration;

use innermost::queue::Queue;
use innermost::wait::{Race, Racing, Won};
use innermost::{ByteRead, Coroutine, Future, Step, UnixStream, from_fn, sleep, yield_from};

use crate::counting::{alive, bytes};
use crate::event_loop::{measured, pause, test_loop};

/// A race of queue items, a socket and a timer: the wins of the first two, and the losses of all.
#[test]
fn a_race_allocates_nothing_after_the_first_time() {
    let event_loop = test_loop();
    let queues: [Queue<u32>; 2] = [Queue::new(), Queue::new()];
    let [mut a, mut b] = queues.each_ref().map(|queue| Racing::new(queue.get()));
    let (mut over, mut race) = (Racing::new(sleep(Duration::from_secs(3600))), Race::new());
    let (near, _far) = UnixStream::pair().expect("there are descriptors left");
    let (from, mut buffer, mut wins) = (queues.clone(), [0; 8], 0);
    let racing = event_loop
        .create_task(measured(from_fn(move |mut sent| {
            // So many that the loop has asked the selector before the allocations are counted.
            while wins < 10 {
                match yield_from!(race.run((&mut a, near.recv(&mut buffer), &mut b, &mut over)), sent)? {
                    Won::A(_) => a.restart(from[0].get()),
                    Won::C(_) => b.restart(from[1].get()),
                    Won::B(_) | Won::D(()) => panic!("nobody sends, and the time is not over"),
                }
                wins += 1;
            }
            wins = 0;
            Ok(Step::Return(()))
        })))
        .expect("the loop is open");
    let (mut nap, mut turn) = (pause(), 0);
    let putting = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                yield_from!(nap, sent)?;
                turn += 1;
                queues[turn % 2].put_nowait(1)?;
            }
            #[allow(unreachable_code)]
            Ok(Step::Return(()))
        }))
        .expect("the loop is open");
    assert_eq!(event_loop.run_until_complete(racing).expect("it ends"), 0);
    putting.cancel();
}

/// A coroutine that goes back and forth between two races.
#[test]
fn races_that_take_turns_with_the_same_coroutines_allocate_nothing() {
    let event_loop = test_loop();
    let queues: [Queue<u32>; 2] = [Queue::new(), Queue::new()];
    let [mut a, mut b] = queues.each_ref().map(|queue| Racing::new(queue.get()));
    let (mut races, mut wins) = ([Race::new(), Race::new()], 0);
    let racing = event_loop
        .create_task(measured(from_fn(move |mut sent| {
            while wins < 20 {
                if queues[0].is_empty() {
                    queues[0].put_nowait(1)?;
                }
                match yield_from!(races[wins % 2].run((&mut a, &mut b)), sent)? {
                    Won::A(_) => a.restart(queues[0].get()),
                    Won::B(_) => panic!("nobody puts an item"),
                }
                wins += 1;
            }
            wins = 0;
            Ok(Step::Return(()))
        })))
        .expect("the loop is open");
    assert_eq!(event_loop.run_until_complete(racing).expect("it ends"), 0);
}

/// Many tasks may each wait for a race.
#[test]
fn a_race_of_two_operations_takes_four_small_blocks() {
    let event_loop = test_loop();
    let futures = [(); 2].map(|()| event_loop.create_future::<()>());
    let (mut race, blocks, size) = (Race::new(), alive(), bytes());
    let wanted = race.run(futures.each_ref().map(Future::join)).resume(Ok(()));
    assert!(matches!(wanted, Ok(Step::Yield(_))), "{wanted:?}");
    assert!(alive() - blocks <= 4, "{} blocks", alive() - blocks);
    assert!(bytes() - size <= 40 * size_of::<usize>(), "{} bytes", bytes() - size);
}
