//! Finds the links of a web site. Starts at one page, follows its links, and fetches a few pages at once.
//!
//! ```text
//! cargo run --release --example crawler URL [--results FILE] [--depth N] [--pages N] [--workers N] [--seconds N]
//!                                           [--any-host] [--authority FILE]
//! ```
//!
//! The results go to `links.tsv`. Each line is a page, a tab, and a link on the page. A page that fails is reported on standard
//! error, and the crawl goes on. Each page is fetched once. Without `--any-host`, only pages of the first page's server are
//! fetched. Links to `https` pages are listed, but not followed, unless the program is built with the feature `tls` and
//! `--authority` names a file of certificates to trust, such as `/etc/ssl/certs/ca-certificates.crt`.
//!
//! ```python
//! async def write_one(file: IO, url: str, **kwargs) -> None:
//!     res = await parse(url=url, **kwargs)
//!     async with aiofiles.open(file, "a") as f:
//!         for p in res:
//!             await f.write(f"{url}\t{p}\n")
//!
//! async def bulk_crawl_and_write(file: IO, urls: set, **kwargs) -> None:
//!     async with ClientSession() as session:
//!         tasks = []
//!         for url in urls:
//!             tasks.append(write_one(file=file, url=url, session=session, **kwargs))
//!         await asyncio.gather(*tasks)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`  | the command line |
//! | `crawl.rs` | the queue of pages, and the workers, which are machines |
//! | `http.rs`  | fetching a page: a machine over any byte stream |
//! | `https.rs` | pages over TLS; `no_https.rs` is what is left of it without the feature `tls` |
//! | `body.rs`  | assembling a body: of known length, in chunks, or up to the end of the connection |
//! | `links.rs` | finding the links of a page |
//! | `url.rs`   | addresses |
//!
//! Ctrl-C ends the crawl. Every worker is cancelled where it waits, and the file has the results so far.

mod body;
mod crawl;
mod http;
#[cfg_attr(not(feature = "tls"), path = "no_https.rs")]
mod https;
mod links;
mod url;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use innermost::wait::ExceptionGroup;
use innermost::{Exception, Kind, run};

use self::crawl::{Count, Options, crawl};
use self::https::Https;
use self::url::Url;

const USAGE: &str = "usage: crawler URL [--results FILE] [--depth N] [--pages N] [--workers N] [--seconds N] [--any-host] [--authority FILE]";

fn main() -> ExitCode {
    let (options, results) = match parse(std::env::args().skip(1)) {
        Ok(parsed) => parsed,
        Err(wrong) => {
            complain(format_args!("crawler: {wrong}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    let file = match File::create(&results) {
        Ok(file) => file,
        Err(error) => {
            complain(format_args!("crawler: {results}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match run(crawl(options, file, |url, why| complain(format_args!("{url}: {why}")))) {
        Ok(Count { pages, links, failures }) => {
            let _ = writeln!(std::io::stdout(), "{pages} pages, {links} links, {failures} failures");
            if pages > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(raised) => {
            explain(&raised);
            ExitCode::from(if raised.kind() == Kind::KeyboardInterrupt { 130 } else { 1 })
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(Options, String), String> {
    let (mut start, mut https, mut results) = (None, None, "links.tsv".to_owned());
    let (mut depth, mut pages, mut workers, mut seconds, mut any_host) = (10, 10_000, 8, 10, false);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument}: expected a value after it"));
        let number = |value: String| value.parse().map_err(|_| format!("{argument}: expected a number, not {value}"));
        match argument.as_str() {
            "--results" => results = value()?,
            "--depth" => depth = number(value()?)?,
            "--pages" => pages = number(value()?)?,
            "--workers" => workers = number(value()?)?,
            "--seconds" => seconds = number(value()?)?,
            "--any-host" => any_host = true,
            "--authority" => {
                let file = value()?;
                https = Some(Https::trusting(Path::new(&file)).map_err(|why| format!("{file}: {why}"))?);
            }
            option if option.starts_with('-') => return Err(format!("{option}: no such option")),
            url => start = Some(Url::parse(url).ok_or(format!("{url}: expected http://…"))?),
        }
    }
    if workers == 0 {
        return Err("--workers: at least one is needed".to_owned());
    }
    let limit = Duration::from_secs(seconds as u64);
    let start: Url = start.ok_or("expected a URL to start from")?;
    if start.is_secure() && https.is_none() {
        return Err(format!("{start}: https needs --authority"));
    }
    Ok((Options { start, depth, pages, workers, limit, any_host, https }, results))
}

/// Prints why the crawl ended. Prints each member of a group.
fn explain(raised: &Exception) {
    match raised.downcast_ref::<ExceptionGroup>() {
        Some(group) => group.exceptions().iter().for_each(explain),
        None => complain(format_args!("crawler: {raised}")),
    }
}

/// Prints a line to standard error. Ignores failures, so that a closed standard error does not stop the program.
fn complain(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
