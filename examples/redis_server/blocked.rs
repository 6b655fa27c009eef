//! Clients that wait for an item of a list: `BLPOP` and `BRPOP`.
//!
//! The first client that waits for a list gets its next item. The item is taken out of the list at once and kept for the
//! client, so that no one else gets it before the client's turn in the loop has come. If the client leaves in that moment,
//! dropping its [`Ticket`] puts the item back, and the next client gets it.

use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use innermost::sync::EventWait;
use innermost::task::Join;
use innermost::wait::{Race, Racing};
use innermost::{EventLoop, Exception, Future, Sleep, sleep};

use super::server::Server;
use super::store::{End, Key, Store};

/// The lines of waiting clients, in order of arrival.
#[derive(Default)]
pub(crate) struct Lines {
    /// By database and list. None is empty.
    lines: BTreeMap<(usize, Key), VecDeque<Rc<Waiter>>>,
}

/// What a client waits for.
pub(crate) struct Wish {
    pub(crate) database: usize,
    pub(crate) keys: Box<[Key]>,
    pub(crate) end: End,
}

struct Waiter {
    wish: Wish,
    /// What is kept for the client.
    item: Cell<Option<Box<Item>>>,
    came: Future<()>,
}

/// An item, and the list that it was in.
pub(crate) struct Item {
    pub(crate) key: Key,
    pub(crate) bytes: Box<[u8]>,
}

impl Lines {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Gives new items of lists to the clients that wait for them.
    pub(crate) fn serve(&mut self, database: usize, store: &mut Store) {
        while let Some(key) = store.next_filled() {
            while let Some((_, waiter)) = self.first(database, &key) {
                let waiter = Rc::clone(waiter);
                let popped = store.change_list(&key, |list| waiter.wish.end.pop(list));
                let Ok(Some(Some(bytes))) = popped else { break };
                self.remove(&waiter, store);
                waiter.item.set(Some(Box::new(Item { key: Rc::clone(&key), bytes })));
                // A client that is gone has left its lines.
                let _ = waiter.came.set_result(());
            }
        }
    }

    /// The first client that waits for a list, and the list's name.
    fn first(&self, database: usize, key: &Key) -> Option<(&Key, &Rc<Waiter>)> {
        let ((_, name), line) = self.lines.get_key_value(&(database, Rc::clone(key)))?;
        Some((name, line.front()?))
    }

    fn add(&mut self, mut wish: Wish, store: &mut Store) -> Result<Rc<Waiter>, Exception> {
        // All clients that wait for a list share its name.
        for key in &mut wish.keys {
            if let Some((shared, _)) = self.first(wish.database, key) {
                *key = Rc::clone(shared);
            }
        }
        let came = EventLoop::running()?.create_future();
        let waiter = Rc::new(Waiter { wish, item: Cell::new(None), came });
        for key in &waiter.wish.keys {
            self.lines.entry((waiter.wish.database, Rc::clone(key))).or_default().push_back(Rc::clone(&waiter));
        }
        store.count_waiting(1);
        Ok(waiter)
    }

    fn remove(&mut self, waiter: &Rc<Waiter>, store: &mut Store) {
        for key in &waiter.wish.keys {
            let Entry::Occupied(mut line) = self.lines.entry((waiter.wish.database, Rc::clone(key))) else { continue };
            if let Some(place) = line.get().iter().position(|other| Rc::ptr_eq(other, waiter)) {
                line.get_mut().remove(place);
            }
            if line.get().is_empty() {
                line.remove();
            }
        }
        store.count_waiting(-1);
    }
}

/// A client's place in the lines. Dropping it leaves them.
pub(crate) struct Ticket {
    server: Rc<Server>,
    waiter: Rc<Waiter>,
}

impl Ticket {
    /// Waits until an item has come for the client.
    pub(crate) fn came(&self) -> Join<()> {
        self.waiter.came.join()
    }

    /// Takes the item that has come for the client.
    pub(crate) fn take(&self) -> Option<Box<Item>> {
        self.waiter.item.take()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Server { stores, lines, .. } = &*self.server;
        let Wish { database, end, .. } = self.waiter.wish;
        let (mut stores, mut lines) = (stores.borrow_mut(), lines.borrow_mut());
        let store = &mut stores[database];
        if let Some(item) = self.take() {
            // The key may hold another type of value by now. Then there is no list to put the item into.
            let _ = store.push(&item.key, end, [&*item.bytes].into_iter());
            lines.serve(database, store);
        } else if !self.waiter.came.done() {
            lines.remove(&self.waiter, store);
        }
    }
}

/// What a connection keeps while its client waits.
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    pub(crate) race: Race,
    pub(crate) over: Option<Box<Racing<Sleep>>>,
    /// The messages that come meanwhile, if the client has subscribed.
    pub(crate) mail: Option<Box<Racing<EventWait>>>,
}

impl Waiting {
    /// Joins the lines. Waits for ever without a `limit`.
    pub(crate) fn new(server: &Rc<Server>, wish: Wish, limit: Option<Duration>) -> Result<Box<Self>, Exception> {
        let mut stores = server.stores.borrow_mut();
        let database = wish.database;
        let waiter = RefCell::borrow_mut(&server.lines).add(wish, &mut stores[database])?;
        let over = limit.map(|limit| Box::new(Racing::new(sleep(limit))));
        let ticket = Ticket { server: Rc::clone(server), waiter };
        Ok(Box::new(Self { ticket, race: Race::new(), over, mail: None }))
    }
}
