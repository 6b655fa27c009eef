//! [`Channel`]: the state that the two ends of a stream and its transport share.
//!
//! Invariants:
//!
//! 1. A task is registered as a waiter from its yield until it is woken or cancelled. There is at most one reader.
//! 2. A task that is woken looks again. Waking hands nothing over.

use core::cell::{Cell, OnceCell, RefCell};
use core::{fmt, ptr};
use std::rc::Rc;

use super::LIMIT;
use super::bytes::Bytes;
use super::others::Others;
use crate::coroutine::{Exception, Kind};
use crate::task::{Await, Key, Scheduler, WaitTarget, Waiter, Way, Withdrawn};
use crate::transport::Transport;

pub(super) struct Channel {
    /// Set when the connection is made. `None` for a reader that is fed by hand.
    pub(super) transport: OnceCell<Transport>,
    pub(super) bytes: RefCell<Bytes>,
    pub(super) limit: Cell<usize>,
    pub(super) has_ended: Cell<bool>,
    failure: RefCell<Option<Exception>>,
    reading_paused: Cell<bool>,
    /// How many objects can read. If there are none, arriving bytes are discarded.
    readers: Cell<usize>,
    /// True if anything has happened since the reader began to wait.
    news: Cell<bool>,
    /// How the connection ended, once it has.
    end: RefCell<Option<Option<Exception>>>,
    reader: Cell<Option<Rc<dyn Waiter>>>,
    /// The other waiters, if there are any. An idle connection holds no memory for them.
    others: RefCell<Option<Box<Others>>>,
}

/// The event that a task waits for.
const DATA: Way = Way::Readable;
pub(super) const DRAINED: Way = Way::Writable;
const CLOSED: Way = Way::End;

impl Channel {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            transport: OnceCell::new(),
            bytes: RefCell::default(),
            limit: Cell::new(LIMIT),
            has_ended: Cell::new(false),
            failure: RefCell::new(None),
            reading_paused: Cell::new(false),
            readers: Cell::new(0),
            news: Cell::new(false),
            end: RefCell::new(None),
            reader: Cell::new(None),
            others: RefCell::default(),
        })
    }
}

/// Reading.
impl Channel {
    #[inline]
    pub(super) fn feed(&self, data: &[u8]) {
        if data.is_empty() || self.readers.get() == 0 {
            return;
        }
        let mut bytes = self.bytes.borrow_mut();
        bytes.extend(data);
        let len = bytes.len();
        drop(bytes);
        self.wake_reader();
        if len > self.limit.get().saturating_mul(2)
            && !self.reading_paused.get()
            && let Some(transport) = self.transport.get()
        {
            transport.pause_reading();
            self.reading_paused.set(true);
        }
    }

    pub(super) fn end(&self) {
        self.has_ended.set(true);
        self.wake_reader();
    }

    pub(super) fn fail(&self, raised: Exception) {
        let former = self.failure.replace(Some(raised));
        drop(former);
        self.wake_reader();
    }

    pub(super) fn failure(&self) -> Option<Exception> {
        self.failure.borrow().clone()
    }

    /// # Errors
    ///
    /// The reader's exception, set by the connection or by hand.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Exception> {
        self.failure().map_or(Ok(()), Err)
    }

    fn wake_reader(&self) {
        self.news.set(true);
        if let Some(task) = self.reader.take() {
            task.wake();
        }
    }

    /// Begins to wait for more bytes.
    ///
    /// # Errors
    ///
    /// The reader's exception, because nothing more will arrive; `RuntimeError` if another task is waiting.
    pub(super) fn wait_for_data(self: &Rc<Self>, operation: &str) -> Result<Await, Exception> {
        self.check()?;
        if let Some(task) = self.reader.take().filter(|task| !task.give_way()) {
            self.reader.set(Some(task));
            let text = "() called while another coroutine is already waiting for incoming data";
            return Err(Exception::message(Kind::RuntimeError, format!("{operation}{text}")));
        }
        if let Some(transport) = self.transport.get() {
            // A task that waits for an answer has written its question. If writes stayed gathered until the end of the
            // turn, each of many connections would hold a piece of the loop's memory.
            transport.flush();
        }
        self.resume_reading();
        self.bytes.borrow_mut().about_to_wait();
        self.news.set(false);
        Ok(Await::on(DATA, Rc::clone(self) as Rc<_>))
    }

    /// Reads `count` bytes, or all if there are fewer.
    #[inline]
    pub(super) fn take(&self, count: usize) -> Vec<u8> {
        let taken = self.bytes.borrow_mut().take(count);
        self.was_read();
        taken
    }

    /// Bytes have been read. Resumes the transport if there is room.
    #[inline]
    pub(super) fn was_read(&self) {
        if self.reading_paused.get() && self.bytes.borrow().len() <= self.limit.get() {
            self.resume_reading();
        }
    }

    fn resume_reading(&self) {
        if self.reading_paused.replace(false)
            && let Some(transport) = self.transport.get()
        {
            transport.resume_reading();
        }
    }
}

/// The right to read, held by a reader and by its operations. When the last one is dropped, the bytes are discarded, and so
/// are all that arrive later. The transport keeps reading, so the end of the connection is still noticed.
pub(super) struct Input(Rc<Channel>);

impl Input {
    pub(super) fn new(channel: &Rc<Channel>) -> Self {
        channel.readers.set(channel.readers.get() + 1);
        Self(Rc::clone(channel))
    }
}

impl Clone for Input {
    #[inline]
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl core::ops::Deref for Input {
    type Target = Rc<Channel>;

    #[inline]
    fn deref(&self) -> &Rc<Channel> {
        &self.0
    }
}

impl Drop for Input {
    #[inline]
    fn drop(&mut self) {
        self.readers.set(self.readers.get() - 1);
        if self.readers.get() == 0 {
            self.bytes.borrow_mut().clear();
            self.resume_reading();
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Writing, and the end.
impl Channel {
    pub(super) fn resume_writing(&self) {
        self.wake_others(DRAINED);
    }

    /// The connection is over.
    pub(super) fn lose(&self, error: Option<Exception>) {
        match &error {
            None => self.end(),
            Some(raised) => self.fail(raised.clone()),
        }
        let former = self.end.replace(Some(error));
        drop(former);
        self.wake_others(CLOSED);
        self.wake_others(DRAINED);
    }

    /// How the connection ended, if it has.
    pub(super) fn how_ended(&self) -> Option<Result<(), Exception>> {
        self.end.borrow().as_ref().map(|end| end.clone().map_or(Ok(()), Err))
    }

    fn is_over(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Returns `true` if more bytes wait to be sent than the water marks allow. Sends gathered bytes first.
    #[inline]
    pub(super) fn must_drain(&self) -> bool {
        self.transport.get().is_some_and(Transport::is_writing_paused) && !self.is_over()
    }

    fn wake_others(&self, what: Way) {
        for task in self.with_others(|others| others.take_all(what)).into_iter().flatten() {
            task.wake();
        }
    }

    /// While the connection is being closed: whether a `drain` of the running task has let others run. Each task has its own
    /// mark, so one that drains again and again does not consume another's.
    pub(super) fn take_yielded(&self) -> bool {
        let task = self.running_task();
        self.with_others(|others| others.yielded.remove(&task)).unwrap_or(false)
    }

    /// Remembers that the running task has let others run.
    pub(super) fn set_yielded(&self) {
        let task = self.running_task();
        self.others.borrow_mut().get_or_insert_default().yielded.insert(task);
    }

    /// Null if no task is running. All drains driven by hand share one mark.
    fn running_task(&self) -> *const () {
        let running = self.transport.get().and_then(Transport::running_task);
        running.map_or(ptr::null(), |task| Rc::as_ptr(&task).cast())
    }

    /// Calls `function` with the other waiters. `None` if there are none. Frees their memory once none are left.
    fn with_others<R>(&self, function: impl FnOnce(&mut Others) -> R) -> Option<R> {
        let mut others = self.others.borrow_mut();
        let result = function(others.as_mut()?);
        if others.as_ref().is_some_and(|others| others.is_empty()) {
            *others = None;
        }
        Some(result)
    }

    pub(super) fn wait_until_drained(self: &Rc<Self>) -> Await {
        Await::on(DRAINED, Rc::clone(self) as Rc<_>)
    }

    pub(super) fn wait_until_closed(self: &Rc<Self>) -> Await {
        Await::on(CLOSED, Rc::clone(self) as Rc<_>)
    }
}

impl WaitTarget for Channel {
    fn register(&self, way: Way, _: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        // A reader that is fed by hand belongs to any loop that waits for it.
        if self.transport.get().is_some_and(|transport| !transport.is_of(of)) {
            return Err(Exception::message(Kind::RuntimeError, "this stream is attached to a different event loop"));
        }
        if self.has_come(way, 0) {
            waiter.wake();
            return Ok(());
        }
        match way {
            DATA => match self.reader.replace(Some(waiter)) {
                Some(former) if !former.give_way() => {
                    let refused = self.reader.replace(Some(former));
                    drop(refused);
                    let text = "another coroutine is already waiting for incoming data";
                    return Err(Exception::message(Kind::RuntimeError, text));
                }
                _ => {}
            },
            _ => {
                self.others.borrow_mut().get_or_insert_default().list(way).push(|_| waiter);
            }
        }
        Ok(())
    }

    fn has_come(&self, way: Way, _: u32) -> bool {
        match way {
            DATA => self.news.get(),
            DRAINED => !self.must_drain(),
            _ => self.is_over(),
        }
    }

    fn withdraw(&self, way: Way, _: u32, waiter: *const ()) -> Withdrawn {
        let taken = match way {
            DATA => match self.reader.take() {
                Some(reader) if Rc::as_ptr(&reader).cast::<()>() == waiter => Some(reader),
                another => {
                    self.reader.set(another);
                    None
                }
            },
            _ => self.with_others(|others| others.list(way).take(Key::Task(waiter))).flatten(),
        };
        Withdrawn::new(taken.map(|waiter| waiter as Rc<_>))
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrived = self.bytes.try_borrow().map_or(0, |bytes| bytes.len());
        write!(f, "stream({arrived} bytes arrived")?;
        for (text, holds) in [("eof", self.has_ended.get()), ("reading paused", self.reading_paused.get())] {
            if holds {
                write!(f, ", {text}")?;
            }
        }
        f.write_str(")")
    }
}
