//! Races of operations on sockets. Apart, because Miri knows no socket pairs.

use std::io::Write as _;
use std::os::unix::net;
use std::rc::Rc;

use innermost::queue::Queue;
use innermost::wait::{Race, Racing, Won};
use innermost::{Buffer, ByteRead, Kind, Step, UnixStream, from_fn, sleep, yield_from};

use super::{LONG, never, settle};
use crate::support::clock::{test_loop, virtual_loop};
use crate::support::events::Log;

#[test]
fn an_operation_that_lost_leaves_its_descriptor_free() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (near, mut far) = net::UnixStream::pair().unwrap();
    let near = Rc::new(UnixStream::from_std(near).unwrap());
    let first = event_loop.create_future::<u32>();
    let (mut a, mut buffer, mut race) = (Racing::new(first.clone()), Buffer::new(), Race::new());
    let (stream, noted, mut stage) = (Rc::clone(&near), log.clone(), 0);
    let mut pause = event_loop.create_future::<u32>();
    let paused = pause.clone();
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if stage == 0 {
                yield_from!(race.run((&mut a, stream.read(&mut buffer))), sent)?;
                a.restart(never());
                stage = 1;
            }
            if stage == 1 {
                // Alone, by the same task.
                let count = yield_from!(stream.read(&mut buffer), sent)?;
                noted.add(format_args!("alone {count}"));
                stage = 2;
            }
            if stage == 2 {
                yield_from!(pause, sent)?;
                stage = 3;
            }
            match yield_from!(race.run((&mut a, stream.read(&mut buffer))), sent)? {
                Won::A(_) => panic!("nobody sets it"),
                Won::B(count) => noted.add(format_args!("raced {count}")),
            }
            Ok(Step::Return(()))
        }))
        .unwrap();
    settle(&event_loop);
    first.set_result(1).unwrap();
    settle(&event_loop);
    far.write_all(b"one").unwrap();
    settle(&event_loop);
    // By another task, while the first one does something else.
    let (stream, mut buffer) = (Rc::clone(&near), Buffer::new());
    let other = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(stream.read(&mut buffer), sent).map(Step::Return)))
        .unwrap();
    settle(&event_loop);
    far.write_all(b"three").unwrap();
    assert_eq!(event_loop.run_until_complete(other).unwrap(), 5);
    paused.set_result(1).unwrap();
    settle(&event_loop);
    far.write_all(b"four").unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.take(), ["alone 3", "raced 4"]);
}

#[test]
fn the_same_direction_of_a_socket_inside_and_outside_is_an_error() {
    let event_loop = test_loop();
    let (near, mut far) = net::UnixStream::pair().unwrap();
    let near = Rc::new(UnixStream::from_std(near).unwrap());
    let (stream, mut buffer, mut inner) = (Rc::clone(&near), Buffer::new(), Race::new());
    let mut long = Racing::new(sleep(LONG));
    let nested = from_fn(move |mut sent| {
        let won = yield_from!(inner.run((stream.read(&mut buffer), &mut long)), sent)?;
        Ok(Step::Return(matches!(won, Won::A(3))))
    });
    let (mut nested, mut buffer, mut race) = (Racing::new(nested), Buffer::new(), Race::new());
    let mut has_failed = false;
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if !has_failed {
                let raced = yield_from!(race.run((&mut nested, near.read(&mut buffer))), sent);
                assert_eq!(raced.unwrap_err().kind(), Kind::RuntimeError);
                has_failed = true;
            }
            // The inner one waits on.
            yield_from!(nested, sent).map(Step::Return)
        }))
        .unwrap();
    settle(&event_loop);
    far.write_all(b"one").unwrap();
    assert!(event_loop.run_until_complete(task).unwrap());
}

#[test]
fn a_socket_that_is_always_ready_does_not_starve_the_others() {
    let event_loop = test_loop();
    let (near, mut far) = net::UnixStream::pair().unwrap();
    far.write_all(&[0; 4096]).unwrap();
    let (near, queue) = (UnixStream::from_std(near).unwrap(), Queue::new());
    let (mut item, mut race, mut wins, mut byte) = (Racing::new(queue.get()), Race::new(), 0, [0]);
    queue.put_nowait(1).unwrap();
    let machine = from_fn(move |mut sent| {
        loop {
            match yield_from!(race.run((near.recv(&mut byte), &mut item)), sent)? {
                Won::A(_) => wins += 1,
                Won::B(_) => return Ok(Step::Return(wins)),
            }
        }
    });
    let wins = event_loop.run_until_complete(machine).unwrap();
    assert!(wins < 100, "{wins}");
}

#[test]
fn the_client_or_an_item_or_the_time() {
    let ((event_loop, clock), log) = (virtual_loop(), Log::default());
    let (near, mut far) = net::UnixStream::pair().unwrap();
    let near = UnixStream::from_std(near).unwrap();
    let (queue, mut incoming, mut race) = (Queue::new(), Buffer::new(), Race::new());
    let (mut item, mut over) = (Racing::new(queue.get()), Racing::new(sleep(LONG)));
    let (noted, items) = (log.clone(), queue.clone());
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(race.run((near.read(&mut incoming), &mut item, &mut over)), sent)? {
                    Won::A(count) => noted.add(format_args!("read {count}")),
                    Won::B(number) => {
                        noted.add(format_args!("item {number}"));
                        item.restart(items.get());
                    }
                    Won::C(()) => return Ok(Step::Return(())),
                }
            }
        }))
        .unwrap();
    settle(&event_loop);
    queue.put_nowait(1).unwrap();
    settle(&event_loop);
    far.write_all(b"hello").unwrap();
    settle(&event_loop);
    // Both in one turn: nothing is lost.
    far.write_all(b"again").unwrap();
    queue.put_nowait(2).unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["item 1", "read 5", "item 2", "read 5"]);
    clock.advance(LONG);
    event_loop.run_until_complete(task).unwrap();
}
