//! Frees the memory of keys that have expired, even if nobody asks for them.
//!
//! The sweeper sleeps until the next key expires. If many expire at once, it removes some of them in each turn, so that
//! clients need not wait.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Sweeper
//!     [*] --> Removing
//!     Removing --> Resting
//!     Resting --> Removing
//! ```

use std::rc::Rc;
use std::time::Duration;

use innermost::sync::EventWait;
use innermost::wait::{Race, Racing};
use innermost::{Await, Machine, Running, Sleep, machine, sleep, yield_from};

use super::server::Server;
use super::store::{Store, Time};

/// How many keys of a database are removed in one turn at most.
const SHARE: usize = 100;

pub(crate) struct Sweeper {
    server: Rc<Server>,
    /// Until the next key is due. `None` if no key has a time.
    nap: Option<Racing<Sleep>>,
    earlier: Racing<EventWait>,
    race: Race,
}

machine!(
    impl Machine for Sweeper {
        pub(crate) type State = Sweeping;

        fn Removing(&mut self, sent: Sent) -> Next<Resting> {
            std::mem::replace(sent, Ok(()))?;
            let now = self.server.read_clock()?;
            match self.remove(now) {
                Some(deadline) if deadline <= now => return yield_here(Await::next_turn()),
                next => self.set_alarm(now, next),
            }
            to(Resting)
        }

        fn Resting(&mut self, sent: Sent) -> Next<Removing> {
            yield_from!(self.race.run((self.nap.as_mut(), &mut self.earlier)), sent)?;
            to(Removing)
        }
    }
);

impl Sweeper {
    pub(crate) fn new(server: &Rc<Server>) -> Running<Self> {
        let (server, earlier) = (Rc::clone(server), Racing::new(server.earlier.wait()));
        Self { server, nap: None, earlier, race: Race::new() }.start(Sweeping::Removing)
    }

    /// Returns when the next key is due.
    fn remove(&self, now: Time) -> Option<Time> {
        let mut stores = self.server.stores.borrow_mut();
        for store in &mut *stores {
            store.set_now(now);
            store.remove_due(SHARE);
        }
        stores.iter().filter_map(Store::next_deadline).min()
    }

    fn set_alarm(&mut self, now: Time, next: Option<Time>) {
        self.server.alarm.set(next.unwrap_or(Time::MAX));
        self.server.earlier.clear();
        self.nap = next.map(|next| Racing::new(sleep(Duration::from_millis(next - now))));
        self.earlier.restart(self.server.earlier.wait());
    }
}
