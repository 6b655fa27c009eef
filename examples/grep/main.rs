//! Finds text in files, like `grep -rFI`: looks into directories, reads many files at once, and prints what it finds in order.
//!
//! ```text
//! cargo run --release --example grep -- [-n] [-l] PATTERN PATH ..
//! ```
//!
//! The pattern is plain text. `-n` prints the numbers of lines, and `-l` only the names of files. Directories are searched in
//! the order of their names. A file with a zero byte in it is no text, and is left out. So are symbolic links, unless
//! they are arguments, and anything in a directory that is no regular file.
//!
//! The status is that of `grep`: 0 if something was found, 1 if not, and 2 after an error. An error about one file is printed,
//! and the search goes on.
//!
//! ```python
//! async def search(pattern, path):
//!     async with aiofiles.open(path, "rb") as file:
//!         return [line async for line in file if pattern in line]
//!
//! async def walk(pattern, directory, tasks):
//!     for name in sorted(await aiofiles.os.listdir(directory)):
//!         path = os.path.join(directory, name)
//!         if await aiofiles.os.path.isdir(path):
//!             await walk(pattern, path, tasks)
//!         else:
//!             await tasks.put(asyncio.create_task(search(pattern, path)))
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`   | the command line |
//! | `walk.rs`   | the machine that goes through directories and starts searches, and the one that prints their results |
//! | `search.rs` | the machine that searches one file |
//! | `lines.rs`  | finding text in lines |

mod lines;
mod search;
mod walk;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use innermost::{Kind, run};

use self::lines::{Pattern, Show};
use self::walk::{Status, grep};

const USAGE: &str = "usage: grep [-n] [-l] PATTERN PATH ..";

fn main() -> ExitCode {
    let (pattern, paths) = match parse(std::env::args_os().skip(1)) {
        Ok(parsed) => parsed,
        Err(wrong) => {
            complain(format_args!("grep: {wrong}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    match run(grep(Rc::new(pattern), paths)) {
        Ok(Status { has_failed: true, .. }) => ExitCode::from(2),
        Ok(Status { has_found, .. }) => ExitCode::from(u8::from(!has_found)),
        Err(raised) if raised.kind() == Kind::KeyboardInterrupt => ExitCode::from(130),
        Err(raised) => {
            complain(format_args!("grep: {raised}"));
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<(Pattern, Vec<PathBuf>), String> {
    let (mut show, mut text, mut paths) = (Show::Lines, None, Vec::new());
    for argument in arguments {
        match argument.to_str() {
            Some("-n") if text.is_none() => show = Show::NumberedLines,
            Some("-l") if text.is_none() => show = Show::Names,
            Some(option) if text.is_none() && option.len() > 1 && option.starts_with('-') => {
                return Err(format!("{option}: no such option"));
            }
            _ if text.is_none() => text = Some(argument.into_vec()),
            _ => paths.push(PathBuf::from(argument)),
        }
    }
    match text {
        Some(text) if !paths.is_empty() => Ok((Pattern::new(text, show), paths)),
        _ => Err("expected a pattern and a path".to_owned()),
    }
}

/// Prints a line to standard error. Ignores failures, so that a closed standard error does not stop the program.
fn complain(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
