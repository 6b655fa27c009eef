//! Going through directories, and printing what the searches have found.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Walk
//!     [*] --> Choosing
//!     Choosing --> LookingAt: an argument
//!     Choosing --> Listing: a directory
//!     Choosing --> Putting: a file
//!     Choosing --> [*]
//!     LookingAt --> Choosing
//!     LookingAt --> Putting: an error
//!     Listing --> Choosing
//!     Listing --> Putting: an error
//!     Putting --> Choosing
//! ```
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Printer
//!     [*] --> Taking
//!     Taking --> Waiting: a search
//!     Taking --> [*]: the walk is over
//!     Waiting --> Taking
//! ```
//!
//! The walk starts a task for each file, and puts it into a queue. The printer takes the tasks out in the same order, and
//! waits for each. So output is in order, whichever search ends first, and the length of the queue limits the number of files
//! that are open at once.

use std::fs::Metadata;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use innermost::async_iter::{AsyncIterator, Collect, Items, items};
use innermost::fs::{DirEntry, Operation, ReadDir, metadata, read_dir};
use innermost::queue::{Put, Queue, Shutdown};
use innermost::task::Join;
use innermost::{Awaitable, CoroutineExt, Exception, Machine, Task, join, machine, spawn, yield_from};

use super::complain;
use super::lines::Pattern;
use super::search::{Found, Search, failed};

/// The number of files that are searched at once.
const AT_ONCE: usize = 32;

/// How the search has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Status {
    pub(crate) has_found: bool,
    pub(crate) has_failed: bool,
}

/// Searches files and directories, and prints what is found.
pub(crate) fn grep(pattern: Rc<Pattern>, mut paths: Vec<PathBuf>) -> impl Awaitable<Return = Status> {
    let queue = Queue::bounded(AT_ONCE);
    let has_several = paths.len() > 1;
    paths.reverse();
    let left = paths.into_iter().map(Place::Argument).collect();
    let walk = Walk { pattern, has_several, left, queue: queue.clone() };
    let printer = Printer { items: items(&queue), status: Status::default() };
    join((walk.start(Going::Choosing), printer.start(Printing::Taking))).map(|((), status)| status)
}

/// What is still to be searched.
pub(crate) enum Place {
    Argument(PathBuf),
    Directory(PathBuf),
    /// With whether its name is printed.
    File(PathBuf, bool),
}

/// A search, or a failure that needs none.
pub(crate) enum Item {
    Search(Task<Found>),
    Failure(Found),
}

/// Goes through all files, in order.
pub(crate) struct Walk {
    pattern: Rc<Pattern>,
    /// Whether several paths were named, so that lines need names.
    has_several: bool,
    /// The last one is the next.
    left: Vec<Place>,
    queue: Queue<Item>,
}

machine!(
    impl Machine for Walk {
        pub(crate) type State = Going;

        fn Choosing(&mut self) -> Next<LookingAt, Listing, Putting, End> {
            match self.left.pop() {
                Some(Place::Argument(path)) => to(LookingAt(metadata(&path), path)),
                Some(Place::Directory(path)) => to(Listing(read_dir(&path).collect(), path)),
                Some(Place::File(path, has_name)) => to(Putting(self.search(&path, has_name)?)),
                None => {
                    self.queue.shutdown(Shutdown::Drain);
                    end(())
                }
            }
        }

        fn LookingAt(&mut self, found: Outcome<Operation<Metadata>>, path: PathBuf) -> Next<Choosing, Putting> {
            let is_directory = match found {
                Ok(metadata) => metadata.is_dir(),
                Err(raised) => return to(Putting(self.failure(&path, raised)?)),
            };
            self.left.push(if is_directory { Place::Directory(path) } else { Place::File(path, self.has_several) });
            to(Choosing)
        }

        fn Listing(&mut self, listed: Outcome<Collect<ReadDir, Vec<DirEntry>>>, path: PathBuf) -> Next<Choosing, Putting> {
            let mut entries = match listed {
                Ok(entries) => entries,
                Err(raised) => return to(Putting(self.failure(&path, raised)?)),
            };
            entries.sort_by(|one, other| other.file_name().cmp(one.file_name()));
            self.left.extend(entries.into_iter().filter_map(|entry| match entry.file_type() {
                kind if kind.is_dir() => Some(Place::Directory(entry.path())),
                kind if kind.is_file() => Some(Place::File(entry.path(), true)),
                _ => None,
            }));
            to(Choosing)
        }

        /// Waits while too many searches are under way.
        fn Putting(&mut self, put: Outcome<Put<Item>>) -> Next<Choosing> {
            put?;
            to(Choosing)
        }
    }
);

impl Walk {
    fn search(&self, path: &Path, has_name: bool) -> Result<Put<Item>, Exception> {
        let prefix = if has_name { [path.as_os_str().as_bytes(), b":"].concat() } else { Vec::new() };
        let search = spawn(Search::start_in(path, prefix, Rc::clone(&self.pattern)))?;
        Ok(self.queue.put(Item::Search(search)))
    }

    fn failure(&self, path: &Path, raised: Exception) -> Result<Put<Item>, Exception> {
        Ok(self.queue.put(Item::Failure(failed(path.as_os_str().as_bytes(), raised)?)))
    }
}

/// Prints what was found, in the order of the queue.
pub(crate) struct Printer {
    items: Items<Item>,
    status: Status,
}

machine!(
    impl Machine for Printer {
        pub(crate) type State = Printing;
        type Return = Status;

        fn Taking(&mut self, sent: Sent) -> Next<Waiting, End> {
            match yield_from!(self.items.next(), sent)? {
                Some(Item::Search(search)) => to(Waiting(search.join())),
                Some(Item::Failure(found)) => {
                    self.print(found)?;
                    stay()
                }
                None => end(self.status),
            }
        }

        fn Waiting(&mut self, found: Outcome<Join<Found>>) -> Next<Taking> {
            self.print(found?)?;
            to(Taking)
        }
    }
);

impl Printer {
    /// # Errors
    ///
    /// The system's, if nobody reads the output any more.
    fn print(&mut self, found: Found) -> Result<(), Exception> {
        self.status.has_found |= !found.output.is_empty();
        if let Some(failure) = found.failure {
            self.status.has_failed = true;
            complain(format_args!("{failure}"));
        }
        Ok(std::io::stdout().write_all(&found.output)?)
    }
}
