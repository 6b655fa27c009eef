//! From one page to the others: a queue of pages, and a few workers that take from it and put into it.
//!
//! ```text
//!            +------------------ links ------------------+
//!            v                                           |
//!        [ queue ] --get--> Waiting -> Fetching -> Writing --task_done
//! ```
//!
//! A page is put into the queue before the one that leads to it is done. So once nothing is unfinished there is nothing
//! left to find, and `Queue::join` ends: who waits for that shuts the queue down, and the workers end.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use innermost::event_loop::ToThread;
use innermost::queue::{Get, QueueShutDown, Shutdown};
use innermost::sync::EventWait;
use innermost::wait::TimeoutScope;
use innermost::{
    Await, Awaitable, Coroutine, Exception, Kind, Queue, Resumed, State, Step, TaskGroup, task_group, timeout,
    to_thread, yield_from,
};

use super::http::{Answer, fetch};
use super::links::links;
use super::url::Url;

/// What is crawled, and how far.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) start: Url,
    /// How many links lead from the start to the last page that is fetched.
    pub(crate) depth: usize,
    /// How many pages are fetched at the most.
    pub(crate) pages: usize,
    /// How many pages are fetched at once.
    pub(crate) workers: usize,
    /// How long a page may take.
    pub(crate) limit: Duration,
    /// Whether links lead to other servers as well.
    pub(crate) any_host: bool,
}

/// How often a page may have moved.
const MOVES: usize = 10;

/// What a crawl has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) pages: usize,
    pub(crate) links: usize,
    pub(crate) failures: usize,
}

/// Crawls from the start on. A line of `results` is a page, a tab, and a link on it; `report` is told of each page that
/// fails, and why.
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

/// What the workers share.
struct Crawl {
    options: Options,
    queue: Queue<Job>,
    /// All pages that were ever put into the queue.
    seen: RefCell<HashSet<Url>>,
    count: Cell<Count>,
    /// Written to by threads: a disk may take its time.
    results: Arc<Mutex<File>>,
    report: Box<Report>,
}

/// Told of a page that has failed, and why.
type Report = dyn Fn(&Url, &str);

#[derive(Debug)]
struct Job {
    url: Url,
    depth: usize,
    /// What has moved here.
    moved: Vec<Url>,
}

impl Crawl {
    /// Puts a page into the queue, unless it is none of ours or has been there before.
    fn add(&self, job: Job) {
        let mut seen = self.seen.borrow_mut();
        let is_wanted = self.is_ours(&job.url) && job.depth <= self.options.depth && seen.len() < self.options.pages;
        if is_wanted && seen.insert(job.url.clone()) {
            // It has no bounds, and is open until all is done.
            let _ = self.queue.put_nowait(job);
        }
    }

    fn is_ours(&self, url: &Url) -> bool {
        !url.is_secure() && (self.options.any_host || url.is_beside(&self.options.start))
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

    /// Follows the links of a page, and gives the lines of the results.
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

    /// Fetches a page in place of one that has moved.
    fn follow(&self, job: &Job, to: &str) {
        let Some(url) = job.url.join(to) else { return self.failed(&job.url, "it has moved to what is no page") };
        if !self.is_ours(&url) {
            return self.failed(&job.url, &format!("it has moved to {url}, which is not asked"));
        }
        let moved: Vec<_> = job.moved.iter().chain([&job.url]).cloned().collect();
        if moved.contains(&url) || moved.len() > MOVES {
            return self.failed(&job.url, "it has moved too often");
        }
        self.add(Job { url, depth: job.depth, moved });
    }
}

/// Starts the workers, and ends them when there is nothing left to do.
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
                self.group.create_task(Worker::new(Rc::clone(&self.crawl)))?;
            }
        }
        yield_from!(self.all_done.get_or_insert_with(|| self.crawl.queue.join()), sent)?;
        self.crawl.queue.shutdown(Shutdown::Immediate);
        Ok(Step::Return(self.crawl.count.get()))
    }
}

/// Fetches a page after the other.
struct Worker {
    crawl: Rc<Crawl>,
    phase: Phase,
}

enum Phase {
    Waiting(Get<Job>),
    Fetching(Job, TimeoutScope<Box<Fetching>>),
    /// So many links.
    Writing(usize, ToThread<()>),
}

/// What [`fetch`] gives has a type that cannot be named in a field.
type Fetching = dyn Coroutine<Yield = Await, Input = (), Return = Answer>;

impl Worker {
    fn new(crawl: Rc<Crawl>) -> Self {
        Self { phase: Phase::Waiting(crawl.queue.get()), crawl }
    }

    fn fetched(&mut self, answer: Result<Answer, Exception>) -> Result<Phase, Exception> {
        let Phase::Fetching(job, _) = &self.phase else { return self.next() };
        match answer {
            Ok(Answer::Page(page)) => {
                let (links, lines) = self.crawl.read(job, &page);
                let results = Arc::clone(&self.crawl.results);
                let write =
                    move || Ok(results.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines.as_bytes())?);
                return Ok(Phase::Writing(links, to_thread(write)));
            }
            Ok(Answer::Moved(to)) => self.crawl.follow(job, &to),
            Ok(Answer::NoPage) => {}
            // Not this page's concern, but that of all.
            Err(raised) if raised.is_cancelled() || raised.is_generator_exit() => return Err(raised),
            Err(raised) if raised.kind() == Kind::TimeoutError => {
                self.crawl.failed(&job.url, &format!("not there after {:?}", self.crawl.options.limit));
            }
            Err(raised) => self.crawl.failed(&job.url, &raised.to_string()),
        }
        self.next()
    }

    /// Done with this page: on to the next.
    fn next(&self) -> Result<Phase, Exception> {
        self.crawl.queue.task_done()?;
        Ok(Phase::Waiting(self.crawl.queue.get()))
    }
}

impl Coroutine for Worker {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match &mut self.phase {
                Phase::Waiting(get) => match yield_from!(get, sent) {
                    Ok(job) => {
                        let fetching: Box<Fetching> = Box::new(fetch(&job.url));
                        Phase::Fetching(job, timeout(fetching, self.crawl.options.limit))
                    }
                    Err(raised) if raised.downcast_ref::<QueueShutDown>().is_some() => return Ok(Step::Return(())),
                    Err(raised) => return Err(raised),
                },
                Phase::Fetching(_, fetching) => {
                    let answer = yield_from!(fetching, sent);
                    self.fetched(answer)?
                }
                Phase::Writing(links, writing) => {
                    yield_from!(writing, sent)?;
                    let links = *links;
                    self.crawl.count(|count| count.links += links);
                    self.next()?
                }
            };
        }
    }

    fn state(&self) -> State<'_> {
        match &self.phase {
            Phase::Waiting(_) => State::new("Worker", &"waiting"),
            Phase::Fetching(job, _) => State::new("Worker", job),
            Phase::Writing(..) => State::new("Worker", &"writing"),
        }
    }
}
