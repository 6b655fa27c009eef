//! Concurrent name look-ups with a common time limit: gevent's program, which has a thread for nothing but that.
//!
//! Names that are not known in time have no value. The names are looked up in a table here, which says how long each
//! takes, so that the program needs no network: `cargo run --example lookups NAME ...` asks the system for other ones.
//!
//! ```text
//! [Some(192.0.2.1), None, Some(192.0.2.3), None]
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use innermost::resolver::{
    AddrInfo, Answer, Family, LookupError, LookupErrorKind, NameFlags, Query, Resolve, SocketType, StaticResolver,
};
use innermost::wait::{ReturnWhen, wait};
use innermost::{Awaitable, CoroutineExt, EventLoop, Exception, LoopHandle, ready, sleep};

/// Short, so that nobody has to wait.
const SECOND: Duration = Duration::from_millis(100);

/// The table: an address for each name, and after how many seconds it is there.
const NAMES: [(&str, [u8; 4], u32); 3] = [
    ("www.google.example", [192, 0, 2, 1], 1),
    ("www.slow.example", [192, 0, 2, 2], 3),
    ("www.python.example", [192, 0, 2, 3], 0),
];

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() { run(&event_loop) } else { print_all(&event_loop, names, Duration::from_secs(2)) }
}

pub(crate) fn run(event_loop: &EventLoop) -> Result<(), Exception> {
    event_loop.set_resolver(Slow::new());
    print_all(event_loop, [NAMES[0].0, NAMES[1].0, NAMES[2].0, "www.unknown.example"].map(String::from), 2 * SECOND)
}

/// ```python
/// socket.gethostbyname(url)
/// ```
fn gethostbyname(event_loop: &LoopHandle, name: String) -> impl Awaitable<Return = IpAddr> + use<> {
    let query = Query::new(name.clone(), 0).family(Family::V4).socket_type(SocketType::Stream);
    event_loop.getaddrinfo(query).then(move |found| {
        let first = found.first().ok_or_else(|| LookupError::new(LookupErrorKind::Unknown, name))?;
        Ok(ready(first.address.ip()))
    })
}

/// ```python
/// def main():
///     urls = ['www.google.com', 'www.example.com', 'www.python.org']
///     jobs = [gevent.spawn(socket.gethostbyname, url) for url in urls]
///     gevent.joinall(jobs, timeout=2)
///     print([job.value for job in jobs])
/// ```
fn print_all(
    event_loop: &EventLoop,
    names: impl IntoIterator<Item = String>,
    limit: Duration,
) -> Result<(), Exception> {
    let jobs = names.into_iter().map(|name| event_loop.create_task(gethostbyname(event_loop, name)));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
    let all_done = |limit| wait(jobs.clone(), limit, ReturnWhen::AllCompleted);
    event_loop.run_until_complete(all_done(Some(limit)))?;
    // What is late ends at once: its thread may go on, and nobody waits for that.
    for job in &jobs {
        job.cancel();
    }
    event_loop.run_until_complete(all_done(None))?;
    println!("{:?}", jobs.iter().map(|job| job.result().ok()).collect::<Vec<_>>());
    Ok(())
}

/// Answers from the table, in its time.
struct Slow(StaticResolver);

impl Slow {
    fn new() -> Self {
        let table = StaticResolver::new();
        Self(NAMES.iter().fold(table, |table, (name, address, _)| table.with(name, [IpAddr::from(*address)])))
    }
}

impl Resolve for Slow {
    fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>> {
        let seconds = NAMES.iter().find(|(name, ..)| query.host() == Some(name)).map_or(0, |(.., seconds)| *seconds);
        let answer = self.0.getaddrinfo(query);
        Box::new(sleep(seconds * SECOND).then(move |()| answer))
    }

    fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)> {
        self.0.getnameinfo(address, flags)
    }
}
