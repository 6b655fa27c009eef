//! What the server knows of each client, for `CLIENT LIST` and `CLIENT KILL`.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt::Write as _;
use std::net::SocketAddr;

use innermost::{AnyTask, EventLoop};

use super::answers::Protocol;
use super::store::Time;

/// A client, as others see it.
pub(crate) struct Profile {
    /// In order of arrival.
    pub(crate) number: u64,
    address: Option<SocketAddr>,
    pub(crate) name: RefCell<Box<[u8]>>,
    since: Time,
    /// When its last requests came.
    pub(crate) last: Cell<Time>,
    pub(crate) shown: Cell<Shown>,
    task: OnceCell<AnyTask>,
    is_killed: Cell<bool>,
}

/// The part of a client's state that others see.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shown {
    pub(crate) database: u8,
    pub(crate) protocol: Protocol,
    pub(crate) channels: u32,
    pub(crate) patterns: u32,
    /// The number of commands in its transaction.
    pub(crate) queued: Option<u32>,
}

impl Profile {
    pub(crate) fn new(number: u64, address: Option<SocketAddr>, since: Time) -> Self {
        Self {
            number,
            address,
            name: RefCell::default(),
            since,
            last: Cell::new(since),
            shown: Cell::default(),
            task: OnceCell::new(),
            is_killed: Cell::new(false),
        }
    }

    /// Notes the running task, which is the client's connection.
    #[inline]
    pub(crate) fn enter(&self) {
        if self.task.get().is_none()
            && let Some(task) = EventLoop::running().ok().and_then(|event_loop| event_loop.current_task())
        {
            let _ = self.task.set(task);
        }
    }

    /// Cuts off the client.
    pub(crate) fn kill(&self) {
        self.is_killed.set(true);
        if let Some(task) = self.task.get() {
            task.cancel();
        }
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.is_killed.get()
    }

    pub(crate) fn is_subscriber(&self) -> bool {
        let Shown { channels, patterns, .. } = self.shown.get();
        channels + patterns > 0
    }

    pub(crate) fn address(&self) -> String {
        self.address.map_or_else(|| "?:0".to_owned(), |address| address.to_string())
    }

    /// The line that `CLIENT LIST` shows. It has the fields of Redis that mean something here.
    pub(crate) fn describe(&self, text: &mut String, now: Time) {
        let Shown { database, protocol, channels, patterns, queued } = self.shown.get();
        let flags = match (queued, self.is_subscriber()) {
            (None, false) => "N",
            (None, true) => "P",
            (Some(_), false) => "x",
            (Some(_), true) => "xP",
        };
        let [age, idle] = [self.since, self.last.get()].map(|time| now.saturating_sub(time) / 1000);
        let (number, name) = (self.number, self.name.borrow());
        let (name, resp) = (String::from_utf8_lossy(&name), if protocol == Protocol::Resp3 { 3 } else { 2 });
        let multi = queued.map_or(-1, i64::from);
        let address = self.address();
        // It is memory.
        let _ = writeln!(
            text,
            "id={number} addr={address} name={name} age={age} idle={idle} flags={flags} db={database} \
             sub={channels} psub={patterns} ssub=0 multi={multi} user=default resp={resp}"
        );
    }
}
