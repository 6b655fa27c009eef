//! What a queue reports about itself, and putters that are woken without room.

use innermost::queue::Queue;

use crate::support::turns::World;

/// It would find no room, and wait behind the others from then on.
#[test]
fn a_cancelled_putter_wakes_the_next_only_if_it_was_woken_and_there_is_room() {
    for woken in [false, true] {
        let world = World::new();
        let queue = Queue::bounded(1);
        queue.put_nowait(0).expect("there is room");
        let putters = [1, 2, 3, 4].map(|item| world.spawn(item, queue.put(item)));
        world.turn();
        assert_eq!(queue.get_nowait(), Ok(0));
        if woken {
            queue.put_nowait(1).expect("nobody has come yet");
            putters[0].cancel();
        } else {
            putters[1].cancel();
        }
        world.settle();
        let rest = std::iter::from_fn(|| queue.get_nowait().ok().inspect(|_| world.settle()));
        assert_eq!(rest.collect::<Vec<_>>(), if woken { [1, 2, 3, 4].as_slice() } else { &[1, 3, 4] });
    }
}

#[test]
fn queues_compare_by_identity_and_their_errors_say_why() {
    let (queue, other) = (Queue::bounded(1), Queue::bounded(1));
    assert!(queue.is(&queue.clone()) && !queue.is(&other) && queue.maxsize() == 1);
    assert!(!queue.get_nowait().expect_err("it is empty").to_string().is_empty());
    assert!(other.put_nowait(1).is_ok() && queue.put_nowait(1).is_ok());
    let full = queue.put_nowait(2).expect_err("it is full");
    assert_eq!((full.to_string(), format!("{full:?}")), ("the queue is full".into(), "Full".into()));
    assert_eq!(full.into_item(), 2);
    assert!(format!("{:?}", queue.put(3)).starts_with("Put { queue: "));
}
