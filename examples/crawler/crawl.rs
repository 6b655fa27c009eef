//! Following links: a queue of pages, and a few workers that take pages from it and put linked pages into it.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Worker
//!     [*] --> Waiting
//!     Waiting --> Fetching: a page from the queue
//!     Waiting --> [*]: the queue is shut down
//!     Fetching --> Writing: its links go to the queue
//!     Fetching --> Waiting: no links
//!     Writing --> Waiting
//! ```
//!
//! A worker puts linked pages into the queue before it marks its own page as done. So once no page is unfinished, there is
//! nothing left to find. Then `Queue::join` ends, the crawler shuts the queue down, and the workers end.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use innermost::fs::{Operation, blocking};
use innermost::queue::{Get, QueueShutDown, Shutdown};
use innermost::sync::EventWait;
use innermost::wait::TimeoutScope;
use innermost::{
    Await, Awaitable, Coroutine, Exception, Kind, Machine, Queue, Resumed, Step, TaskGroup, machine, task_group,
    timeout, yield_from,
};

use super::http::{Answer, Fetching, fetch};
use super::https::Https;
use super::links::links;
use super::url::Url;

/// Where a crawl starts, and its limits.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) start: Url,
    /// The most links from the start to a page.
    pub(crate) depth: usize,
    /// The most pages that are fetched.
    pub(crate) pages: usize,
    /// The number of pages that are fetched at once.
    pub(crate) workers: usize,
    /// How long a page may take.
    pub(crate) limit: Duration,
    /// Whether to follow links to other servers.
    pub(crate) any_host: bool,
    /// What `https` pages need. `None` leaves them out.
    pub(crate) https: Option<Https>,
}

/// The most redirects from one page.
const MOVES: usize = 10;

/// The result of a crawl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) pages: usize,
    pub(crate) links: usize,
    pub(crate) failures: usize,
}

/// Crawls from the start. A line of `results` is a page, a tab, and a link on it. `report` is called for each page that fails,
/// with the reason.
pub(crate) fn crawl(
    options: Options,
    results: File,
    report: impl Fn(&Url, &str) + 'static,
) -> impl Awaitable<Return = Count> {
    let crawl = Rc::new(Crawl {
        queue: Queue::new(),
        seen: RefCell::default(),
        count: Cell::default(),
        results: Arc::new(Mutex::new(results)),
        report: Box::new(report),
        options,
    });
    crawl.add(Job { url: crawl.options.start.clone(), depth: 0, moved: Vec::new() });
    task_group(move |group| Crawler { crawl, group, all_done: None })
}

/// The state that the workers share.
struct Crawl {
    options: Options,
    queue: Queue<Job>,
    /// All pages that have been in the queue.
    seen: RefCell<HashSet<Url>>,
    count: Cell<Count>,
    /// Threads write to it, because a disk may be slow.
    results: Arc<Mutex<File>>,
    report: Box<Report>,
}

/// Receives a page that failed, and the reason.
type Report = dyn Fn(&Url, &str);

#[derive(Debug)]
struct Job {
    url: Url,
    depth: usize,
    /// The pages that redirected here.
    moved: Vec<Url>,
}

impl Crawl {
    /// Puts a page into the queue, unless the options exclude it or it has been there before.
    fn add(&self, job: Job) {
        let mut seen = self.seen.borrow_mut();
        let is_wanted = self.is_ours(&job.url) && job.depth <= self.options.depth && seen.len() < self.options.pages;
        if is_wanted && seen.insert(job.url.clone()) {
            // This cannot fail: the queue has no bound, and is open until all pages are done.
            let _ = self.queue.put_nowait(job);
        }
    }

    fn is_ours(&self, url: &Url) -> bool {
        let is_reached = !url.is_secure() || self.options.https.is_some();
        is_reached && (self.options.any_host || url.is_beside(&self.options.start))
    }

    fn count(&self, change: impl FnOnce(&mut Count)) {
        let mut count = self.count.get();
        change(&mut count);
        self.count.set(count);
    }

    fn failed(&self, url: &Url, why: &str) {
        self.count(|count| count.failures += 1);
        (self.report)(url, why);
    }

    /// Follows the links of a page. Returns their number, and their lines of the results.
    fn read(&self, job: &Job, page: &str) -> (usize, String) {
        let (mut on_page, mut lines) = (HashSet::new(), String::new());
        for link in links(page) {
            let Some(url) = job.url.join(&link.text) else { continue };
            if on_page.insert(url.clone()) {
                lines += &format!("{}\t{url}\n", job.url);
            }
            if link.leads_on {
                self.add(Job { url, depth: job.depth + 1, moved: Vec::new() });
            }
        }
        self.count(|count| count.pages += 1);
        (on_page.len(), lines)
    }

    /// Follows a redirect.
    fn follow(&self, job: &Job, to: &str) {
        let Some(url) = job.url.join(to) else {
            return self.failed(&job.url, "it has moved to something that is not a page");
        };
        if !self.is_ours(&url) {
            return self.failed(&job.url, &format!("it has moved to {url}, outside the crawl"));
        }
        let moved: Vec<_> = job.moved.iter().chain([&job.url]).cloned().collect();
        if moved.contains(&url) || moved.len() > MOVES {
            return self.failed(&job.url, "it has moved too often");
        }
        self.add(Job { url, depth: job.depth, moved });
    }
}

/// Starts the workers, and ends them when no work is left.
struct Crawler {
    crawl: Rc<Crawl>,
    group: TaskGroup,
    all_done: Option<EventWait>,
}

impl Coroutine for Crawler {
    type Yield = Await;
    type Input = ();
    type Return = Count;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.all_done.is_none() {
            for _ in 0..self.crawl.options.workers {
                let first = Working::Waiting(self.crawl.queue.get());
                self.group.create_task(Worker { crawl: Rc::clone(&self.crawl) }.start(first))?;
            }
        }
        yield_from!(self.all_done.get_or_insert_with(|| self.crawl.queue.join()), sent)?;
        self.crawl.queue.shutdown(Shutdown::Immediate);
        Ok(Step::Return(self.crawl.count.get()))
    }
}

/// Fetches one page after the other.
pub(crate) struct Worker {
    crawl: Rc<Crawl>,
}

machine!(
    impl Machine for Worker {
        pub(crate) type State = Working;

        fn Waiting(&mut self, got: Outcome<Get<Job>>) -> Next<Fetching, End> {
            let job = match got {
                Err(raised) if raised.downcast_ref::<QueueShutDown>().is_some() => return end(()),
                job => job?,
            };
            let options = &self.crawl.options;
            to(Fetching(timeout(fetch(&job.url, options.https.as_ref()), options.limit), job))
        }

        fn Fetching(&mut self, answer: Outcome<TimeoutScope<Box<Fetching>>>, job: Job) -> Next<Writing, Waiting> {
            match answer {
                Ok(Answer::Page(page)) => {
                    let (links, lines) = self.crawl.read(&job, &page);
                    let results = Arc::clone(&self.crawl.results);
                    let write =
                        move || Ok(results.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines.as_bytes())?);
                    return to(Writing(blocking(write), links));
                }
                Ok(Answer::Moved(to)) => self.crawl.follow(&job, &to),
                Ok(Answer::NoPage) => {}
                // Ends the worker, not just this page.
                Err(raised) if raised.is_cancelled() || raised.is_generator_exit() => return Err(raised),
                Err(raised) if raised.kind() == Kind::TimeoutError => {
                    self.crawl.failed(&job.url, &format!("not there after {:?}", self.crawl.options.limit));
                }
                Err(raised) => self.crawl.failed(&job.url, &raised.to_string()),
            }
            to(Waiting(self.next()?))
        }

        fn Writing(&mut self, written: Outcome<Operation<()>>, links: usize) -> Next<Waiting> {
            written?;
            self.crawl.count(|count| count.links += links);
            to(Waiting(self.next()?))
        }

        /// Marks this page as done, and asks for the next one.
        fn next(&self) -> Result<Get<Job>, Exception> {
            self.crawl.queue.task_done()?;
            Ok(self.crawl.queue.get())
        }
    }
);
