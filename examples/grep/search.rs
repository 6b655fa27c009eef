//! Searching one file.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Search
//!     [*] --> Opening
//!     Opening --> Reading
//!     Opening --> [*]: it cannot be opened
//!     Reading --> [*]: the end, or no text
//! ```
//!
//! A file in the page cache is read on the spot, and costs one job in a thread, to open it. Others wait for the disk side by
//! side.

use std::io;
use std::path::Path;
use std::rc::Rc;

use innermost::fs::{File, Open, OpenOptions, open};
use innermost::{Buffer, Exception, Machine, Running, machine, yield_from};

use super::lines::{Output, Pattern};

/// What was found in a file, or why it could not be searched.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) output: Vec<u8>,
    /// A line for standard error.
    pub(crate) failure: Option<String>,
}

/// Searches a file.
pub(crate) struct Search {
    pattern: Rc<Pattern>,
    output: Output,
    /// What was read and is not searched yet: a part of a line.
    buffer: Buffer,
}

machine!(
    impl Machine for Search {
        pub(crate) type State = Phase;
        type Return = Found;

        fn Opening(&mut self, opened: Outcome<Open>) -> Next<Reading, End> {
            match opened {
                Ok(file) => to(Reading(file)),
                Err(raised) => end(failed(&self.output.name, raised)?),
            }
        }

        fn Reading(&mut self, sent: Sent, file: &mut File) -> Next<End> {
            let searched = self.buffer.len();
            let count = match yield_from!(file.read(&mut self.buffer), sent) {
                Ok(count) => count,
                Err(raised) => return end(failed(&self.output.name, raised)?),
            };
            let new = &self.buffer.bytes()[searched..];
            if new.contains(&0) {
                return end(Found::default()); // no text
            }
            // The last line may have no newline.
            let complete = match new.iter().rposition(|byte| *byte == b'\n') {
                _ if count == 0 => searched,
                Some(last) => searched + last + 1,
                None => return stay(),
            };
            let goes_on = self.pattern.search(&self.buffer.bytes()[..complete], &mut self.output);
            self.buffer.consume(complete);
            if goes_on && count > 0 { stay() } else { end(self.found()) }
        }
    }
);

impl Search {
    /// Searches the file at `path`. Lines are printed with `prefix` in front.
    pub(crate) fn start_in(path: &Path, prefix: Vec<u8>, pattern: Rc<Pattern>) -> Running<Self> {
        use std::os::unix::ffi::OsStrExt;

        let name = path.as_os_str().as_bytes().to_vec();
        let output = Output { prefix, name, text: Vec::new(), lines: 0 };
        let search = Self { pattern, output, buffer: Buffer::with_limit(usize::MAX) };
        search.start(Phase::Opening(open(path, OpenOptions::new().read(true))))
    }

    fn found(&mut self) -> Found {
        Found { output: std::mem::take(&mut self.output.text), failure: None }
    }
}

/// Says what is wrong with a file. A cancel is not the fault of a file, and is raised.
pub(crate) fn failed(name: &[u8], raised: Exception) -> Result<Found, Exception> {
    let Some(error) = raised.downcast_ref::<io::Error>() else { return Err(raised) };
    let mut text = error.to_string();
    // `grep` prints no number of the error.
    if let Some(number) = text.find(" (os error") {
        text.truncate(number);
    }
    Ok(Found { output: Vec::new(), failure: Some(format!("grep: {}: {text}", String::from_utf8_lossy(name))) })
}
