//! What the other files share: loops, an executor that waits for the test, and operations of a shared file.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use innermost::executor::{Executor, Job, Pending, ShutdownWait};
use innermost::fs::{File, OpenOptions, open};
use innermost::{Awaitable, Buffer, EventLoop, Exception, LoopHandle, Step, from_fn, yield_from};

/// A loop that fails the test if anything is reported to its exception handler.
pub(crate) fn strict_loop() -> EventLoop {
    let event_loop = EventLoop::new().expect("a descriptor is free");
    event_loop.set_exception_handler(|context| panic!("{context:?}"));
    event_loop
}

/// A loop whose jobs for files wait until the test runs them.
pub(crate) fn loop_with_desk() -> (EventLoop, Desk) {
    let (event_loop, desk) = (strict_loop(), Desk::default());
    event_loop.set_file_executor(desk.clone());
    (event_loop, desk)
}

/// An executor whose jobs wait until the test runs them.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<VecDeque<Job>>>);

impl Executor for Desk {
    fn execute(&self, job: Job) -> Result<(), Exception> {
        self.0.lock().unwrap().push_back(job);
        Ok(())
    }

    fn shutdown(&self, _: Pending, _: ShutdownWait) -> Result<(), Exception> {
        self.run();
        Ok(())
    }
}

impl Desk {
    /// Runs what is queued, and returns how many jobs were not cancelled. The loop learns of it in its next turn.
    pub(crate) fn run(&self) -> usize {
        let jobs: Vec<_> = self.0.lock().unwrap().drain(..).collect();
        let count = jobs.iter().filter(|job| !job.is_cancelled()).count();
        jobs.into_iter().for_each(Job::run);
        count
    }

    /// The number of jobs that would run.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|job| !job.is_cancelled()).count()
    }
}

/// Runs turns until nothing new happens in this thread.
pub(crate) fn settle(event_loop: &LoopHandle) {
    (0..5).for_each(|_| turn(event_loop));
}

/// Runs one turn that does not wait.
pub(crate) fn turn(event_loop: &LoopHandle) {
    event_loop.call_soon(|| {}).expect("the loop is open");
    event_loop.run_once().expect("nothing fails");
}

/// A directory of a test's own, which is removed at its end.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("innermost-files-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("nobody else uses the name");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join("file");
        fs::write(&path, contents).expect("the directory is ours");
        path
    }

    /// The names in the directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the directory is ours");
    }
}

/// A file and a buffer that several tasks of a test can use, one after the other.
pub(crate) type Shared = Rc<RefCell<(File, Buffer)>>;

pub(crate) fn shared(file: File) -> Shared {
    Rc::new(RefCell::new((file, Buffer::new())))
}

/// A file that is opened here, so that opening it needs no job.
pub(crate) fn opened(path: &Path) -> Shared {
    let file = fs::File::options().read(true).write(true).open(path).expect("it is there");
    shared(File::from_std(file, path).expect("it is a file"))
}

/// Opens a file in a loop.
pub(crate) fn open_in(event_loop: &LoopHandle, path: &Path, options: OpenOptions) -> Result<Shared, Exception> {
    event_loop.run_until_complete(open(path, options)).map(shared)
}

pub(crate) fn reading(shared: &Shared) -> impl Awaitable<Return = usize> + 'static {
    let shared = Rc::clone(shared);
    from_fn(move |mut sent| {
        let (file, buffer) = &mut *shared.borrow_mut();
        yield_from!(file.read(buffer), sent).map(Step::Return)
    })
}

pub(crate) fn reading_at(shared: &Shared, offset: u64) -> impl Awaitable<Return = usize> + 'static {
    let shared = Rc::clone(shared);
    from_fn(move |mut sent| {
        let (file, buffer) = &mut *shared.borrow_mut();
        yield_from!(file.read_at(offset, buffer), sent).map(Step::Return)
    })
}

pub(crate) fn writing(shared: &Shared) -> impl Awaitable<Return = ()> + 'static {
    let shared = Rc::clone(shared);
    from_fn(move |mut sent| {
        let (file, buffer) = &mut *shared.borrow_mut();
        yield_from!(file.write_all(buffer), sent).map(Step::Return)
    })
}

pub(crate) fn writing_at(shared: &Shared, offset: u64) -> impl Awaitable<Return = ()> + 'static {
    let shared = Rc::clone(shared);
    from_fn(move |mut sent| {
        let (file, buffer) = &mut *shared.borrow_mut();
        yield_from!(file.write_all_at(offset, buffer), sent).map(Step::Return)
    })
}

/// Sets what is in the buffer.
pub(crate) fn fill(shared: &Shared, bytes: &[u8]) {
    shared.borrow_mut().1 = Buffer::from(bytes.to_vec());
}

/// What is in the buffer.
pub(crate) fn bytes(shared: &Shared) -> Vec<u8> {
    shared.borrow().1.bytes().to_vec()
}

pub(crate) fn position(shared: &Shared) -> u64 {
    shared.borrow().0.position()
}

/// The kind of the system's error that an exception carries.
pub(crate) fn kind(raised: &Exception) -> io::ErrorKind {
    raised.downcast_ref::<io::Error>().unwrap_or_else(|| panic!("no error of the system: {raised:?}")).kind()
}

/// The notes of an exception.
pub(crate) fn notes(raised: &Exception) -> String {
    raised.notes().collect::<Vec<_>>().join("; ")
}

/// Whether this process has a file open.
#[cfg(target_os = "linux")]
pub(crate) fn is_open(path: &Path) -> bool {
    let links = fs::read_dir("/proc/self/fd").expect("it is there on Linux");
    links.filter_map(|link| fs::read_link(link.ok()?.path()).ok()).any(|target| target == path)
}
