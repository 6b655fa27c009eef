//! A function that calls nearly everything in the library, and a value that does so whenever it is used.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use innermost::task::ErrorContext;
use innermost::{Coroutine, EventLoop, Exception, Future, LoopHandle, Task, TimerHandle, ready};

use crate::support::clock::test_loop;
use crate::support::events::{Log, OnDrop, on_drop, pausing, run};

/// Calls nearly everything that there is.
#[derive(Clone)]
pub(crate) struct Meddler(pub(crate) Rc<Handles>);

pub(crate) struct Handles {
    pub(crate) event_loop: LoopHandle,
    pub(crate) pending: Future<i32>,
    pub(crate) finished: Future<i32>,
    pub(crate) waiting: Task<i32>,
    pub(crate) timer: TimerHandle,
    pub(crate) meddling: Cell<bool>,
    pub(crate) times: Cell<u32>,
}

impl Meddler {
    fn new(event_loop: &LoopHandle) -> Self {
        let (pending, finished) = (event_loop.create_future(), event_loop.create_future());
        finished.set_result(1).expect("nobody else sets it");
        let waiting = event_loop.create_task(pending.clone()).expect("the loop is open");
        let timer = event_loop.call_later(Duration::from_secs(9), || {}).expect("the loop is open");
        let (event_loop, meddling, times) = (event_loop.clone(), Cell::new(false), Cell::new(0));
        Self(Rc::new(Handles { event_loop, pending, finished, waiting, timer, meddling, times }))
    }

    /// Meddles once, because its calls may lead to another call of this.
    pub(crate) fn meddle(&self) {
        let handles = &*self.0;
        if handles.meddling.replace(true) {
            return;
        }
        handles.times.set(handles.times.get() + 1);
        self.meddle_with_the_loop();
        self.meddle_with_futures();
        self.meddle_with_tasks();
        handles.meddling.set(false);
    }

    fn meddle_with_the_loop(&self) {
        let event_loop = &self.0.event_loop;
        drop(event_loop.call_soon(|| {}));
        if let Ok(handle) = event_loop.call_soon(|| {}) {
            handle.cancel();
        }
        drop(event_loop.call_later(Duration::ZERO, || {}));
        drop(event_loop.call_at(innermost::Instant::from_zero(Duration::from_secs(1)), || {}));
        drop(event_loop.create_task(pausing(1)));
        drop(event_loop.ensure_future(ready(())));
        let _ = event_loop.remote().call_soon_threadsafe(|| {});
        event_loop.call_exception_handler(ErrorContext::new("meddling"));
        drop((event_loop.next_deadline(), event_loop.time(), format!("{event_loop:?}")));
        event_loop.with_fd(|fd| {
            drop(fd.map(|fd| fd.try_clone_to_owned()));
            if event_loop.is_running() {
                assert!(event_loop.run_forever().is_err() && event_loop.run_once().is_err());
                assert!(event_loop.run_until_complete(ready(())).is_err() && event_loop.close().is_err());
            }
        });
        self.0.timer.cancel();
        drop(format!("{:?}", self.0.timer));
    }

    fn meddle_with_futures(&self) {
        for future in [&self.0.pending, &self.0.finished] {
            drop((future.result(), future.exception(), future.done(), future.cancelled(), format!("{future:?}")));
            let removed = future.add_done_callback(|_| {});
            future.remove_done_callback(removed);
            future.add_done_callback(|_| {});
            drop(future.clone().resume(Ok(())));
            drop(future.clone().resume(Err(Exception::timeout())));
        }
        assert!(!self.0.finished.cancel() && self.0.finished.set_result(2).is_err());
        drop(self.0.event_loop.create_future::<i32>().set_exception(Exception::timeout()));
    }

    fn meddle_with_tasks(&self) {
        let mut tasks = self.0.event_loop.all_tasks();
        tasks.extend(self.0.event_loop.current_task());
        for task in &tasks {
            task.set_name(task.name());
            drop((task.stack_trace().to_string(), task.cancelling(), task.done(), format!("{task:?}")));
            drop(task.clone().resume(Ok(())));
        }
        self.0.waiting.any().cancel_message("meddling");
        self.0.waiting.any().uncancel();
    }

    /// Asserts that it has meddled `times` times, and that the loop is in order.
    #[track_caller]
    pub(crate) fn finish(&self, times: u32) {
        assert_eq!(self.0.times.get(), times);
        let (log, event_loop) = (Log::default(), &self.0.event_loop);
        for entry in ["first", "second", "third"] {
            event_loop.call_soon(log.adds(entry)).expect("the loop is open");
        }
        run(event_loop, 2);
        assert_eq!(log.take(), ["first", "second", "third"]);
        assert!(self.0.waiting.cancelled() && event_loop.current_task().is_none());
    }

    pub(crate) fn on_drop(&self) -> OnDrop<impl FnOnce() + use<>> {
        let this = self.clone();
        on_drop(move || this.meddle())
    }
}

pub(crate) fn meddler() -> (EventLoop, Meddler) {
    let event_loop = test_loop();
    let meddler = Meddler::new(&event_loop);
    run(&event_loop, 1);
    (event_loop, meddler)
}

/// Meddles whenever anything is done with it that is the user's to define.
pub(crate) struct Meddling(pub(crate) Meddler);

impl Clone for Meddling {
    fn clone(&self) -> Self {
        self.0.meddle();
        Self(self.0.clone())
    }
}

impl Drop for Meddling {
    fn drop(&mut self) {
        self.0.meddle();
    }
}

impl fmt::Debug for Meddling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.meddle();
        f.write_str("Meddling")
    }
}

impl From<Meddling> for Rc<str> {
    fn from(meddling: Meddling) -> Self {
        meddling.0.meddle();
        "meddling".into()
    }
}

impl From<Meddling> for Cow<'static, str> {
    fn from(meddling: Meddling) -> Self {
        meddling.0.meddle();
        "meddling".into()
    }
}
