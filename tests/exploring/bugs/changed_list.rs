//! A message goes to each client of a list, by index. While it is sent to one, an earlier client leaves, all others move
//! up by one, and one of them is left out.
//!
//! Mended: the message goes to each client of a copy.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Sim;
use innermost::{CoroutineExt, Exception, Machine, Sleep, machine, sleep};

type Names = Rc<RefCell<Vec<&'static str>>>;

struct Broadcast {
    clients: Names,
    reached: Names,
}

machine!(
    impl Machine for Broadcast {
        type State = Phase;

        fn Choosing(&mut self, index: usize) -> Next<Sending, End> {
            match self.clients.borrow().get(index) {
                Some(client) => to(Sending(sleep(Duration::ZERO), client, index)),
                None => end(()),
            }
        }

        fn Sending(&mut self, sent: Outcome<Sleep>, client: &'static str, index: usize) -> Next<Choosing> {
            sent?;
            self.reached.borrow_mut().push(client);
            to(Choosing(index + 1))
        }
    }
);

pub(super) fn program<const MENDED: bool>(sim: &Sim) -> Result<(), Exception> {
    let (clients, reached) = (Rc::new(RefCell::new(vec!["ann", "bob"])), Names::default());
    let addressed = if MENDED { Rc::new(RefCell::clone(&clients)) } else { Rc::clone(&clients) };
    let broadcast = Broadcast { clients: addressed, reached: Rc::clone(&reached) };
    sim.create_task(broadcast.start(Phase::Choosing(0)))?;
    sim.create_task(sleep(Duration::ZERO).map(move |()| clients.borrow_mut().retain(|client| *client != "ann")))?;
    sim.finally(move || assert!(reached.borrow().contains(&"bob"), "bob is still there, and got nothing"));
    Ok(())
}
