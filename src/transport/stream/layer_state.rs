//! [`Layered`]: what a transport with a layer keeps. `layered.rs` says what it does with that.

use core::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;

use super::super::layer::Layer;
use crate::coroutine::Exception;
use crate::event_loop::TimerHandle;
use crate::net::Buffer;
use crate::task::Future;

pub(in crate::transport) struct Layered {
    pub(super) layer: Rc<dyn Layer>,
    pub(super) phase: Cell<Phase>,
    /// Whether the protocol knows of the connection.
    pub(super) is_told: Cell<bool>,
    /// Whether reading was paused before the handshake.
    pub(super) was_paused: Cell<bool>,
    /// Whether the peer sends nothing more, and that is dealt with.
    pub(super) peer_is_over: Cell<bool>,
    /// What has come and is not a whole record yet.
    pub(super) incoming: Cell<Buffer>,
    /// Plaintext for a protocol that has paused reading.
    pub(super) plain: Cell<Buffer>,
    /// Done after the handshake. `None` if nobody waits for that.
    pub(super) opened: RefCell<Option<Future<()>>>,
    /// Why the handshake has failed.
    pub(super) failure: Cell<Option<Exception>>,
    /// Limits the handshake, and later the end.
    timer: Cell<Option<TimerHandle>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Created,
    Handshaking,
    Open,
}

/// The most bytes of an unfinished message. A message of the handshake has 64 KiB at most.
pub(super) const MOST_INCOMING: usize = 128 * 1024;

impl Layered {
    /// `opened` is done after the handshake.
    pub(in crate::transport) fn new(layer: Rc<dyn Layer>, opened: Option<Future<()>>) -> Box<Self> {
        Box::new(Self {
            layer,
            phase: Cell::new(Phase::Created),
            is_told: Cell::new(false),
            was_paused: Cell::new(false),
            peer_is_over: Cell::new(false),
            incoming: Cell::new(Buffer::with_limit(MOST_INCOMING)),
            plain: Cell::default(),
            opened: RefCell::new(opened),
            failure: Cell::new(None),
            timer: Cell::new(None),
        })
    }

    pub(super) fn has_plain(&self) -> bool {
        let plain = self.plain.take();
        let has = !plain.is_empty();
        self.put_plain(plain);
        has
    }

    /// Puts plaintext back, in front of what has come meanwhile.
    pub(super) fn put_plain(&self, mut plain: Buffer) {
        append(&mut plain, self.plain.take().bytes());
        self.plain.set(plain);
    }

    pub(super) fn set_timer(&self, timer: Option<TimerHandle>) {
        if let Some(former) = self.timer.replace(timer) {
            former.cancel();
        }
    }

    /// Drops what is kept, because the loop is closed.
    pub(super) fn clear(&self) {
        self.set_timer(None);
        drop((self.plain.take(), self.incoming.take(), self.opened.take()));
    }
}

pub(super) fn append(buffer: &mut Buffer, bytes: &[u8]) {
    if !bytes.is_empty() {
        buffer.write_all(bytes).expect("a buffer takes everything");
    }
}
