//! A cache that does not hold a value fetches it. A second task that looks while the first one fetches does not find it
//! either, and fetches it again.
//!
//! Mended: the cache keeps the task that fetches, and everybody awaits that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, Machine, Sleep, Task, gather, machine, sleep, spawn};

#[derive(Default)]
struct Cache {
    value: Cell<Option<u32>>,
    fetching: RefCell<Option<Task<u32>>>,
    fetches: Cell<u32>,
}

impl Cache {
    fn fetch(&self) -> Sleep {
        self.fetches.set(self.fetches.get() + 1);
        sleep(Duration::from_secs(1))
    }
}

struct Look<const MENDED: bool> {
    cache: Rc<Cache>,
}

machine!(
    impl<const MENDED: bool> Machine for Look<MENDED> {
        type Return = u32;
        type State = Phase;

        fn Looking(&mut self) -> Next<Fetching, Joining, End> {
            if let Some(value) = self.cache.value.get() {
                return end(value);
            }
            if !MENDED {
                return to(Fetching(self.cache.fetch()));
            }
            let mut fetching = self.cache.fetching.borrow_mut();
            let task = match &*fetching {
                Some(task) => task.clone(),
                None => fetching.insert(spawn(self.cache.fetch().map(|()| 42))?).clone(),
            };
            to(Joining(task))
        }

        fn Fetching(&mut self, fetched: Outcome<Sleep>) -> Next<End> {
            fetched?;
            self.cache.value.set(Some(42));
            end(42)
        }

        fn Joining(&mut self, fetched: Outcome<Task<u32>>) -> Next<End> {
            end(fetched?)
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let cache = Rc::new(Cache::default());
    let look = || Look::<MENDED> { cache: Rc::clone(&cache) }.start(Phase::Looking);
    assert_eq!(sim.run(gather([look(), look()]))?, [42, 42]);
    assert_eq!(cache.fetches.get(), 1, "the value was fetched twice");
    Ok(())
}
