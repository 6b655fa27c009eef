//! Looks up several names at once, and gives up on those that take longer than two seconds.
//!
//! The program needs no network: a table holds the addresses, and how long each look-up takes. With arguments, `cargo run
//! --example lookups NAME ...` asks the system instead.
//!
//! ```text
//! 192.0.2.1, None, 192.0.2.3, None
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use innermost::resolver::{
    AddrInfo, Answer, Family, LookupError, LookupErrorKind, NameFlags, Query, Resolve, SocketType, StaticResolver,
};
use innermost::wait::wait;
use innermost::{Awaitable, CoroutineExt, EventLoop, Exception, LoopHandle, Task, ready, sleep};

/// The length of one second of the program. It is short, so that the example ends soon.
const SECOND: Duration = Duration::from_millis(100);

/// ```python
/// names = {
///     'www.google.example': ('192.0.2.1', 1),
///     'www.slow.example': ('192.0.2.2', 3),
///     'www.python.example': ('192.0.2.3', 0),
/// }
/// ```
///
/// Each name, its address, and how many seconds its look-up takes.
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
/// async def gethostbyname(name):
///     address, seconds = names.get(name, (None, 0))
///     await asyncio.sleep(seconds)
///     if address is None:
///         raise OSError('unknown name')
///     return address
/// ```
fn gethostbyname(event_loop: &LoopHandle, name: String) -> impl Awaitable<Return = IpAddr> + use<> {
    let query = Query::new(name.clone(), 0).family(Family::V4).socket_type(SocketType::Stream);
    event_loop.getaddrinfo(query).then(move |found| {
        let first = found.first().ok_or_else(|| LookupError::new(LookupErrorKind::Unknown, name))?;
        Ok(ready(first.address.ip()))
    })
}

/// ```python
/// def value(job):
///     return 'None' if job.cancelled() or job.exception() else job.result()
///
/// async def main():
///     jobs = [asyncio.create_task(gethostbyname(name)) for name in [*names, 'www.unknown.example']]
///     await asyncio.wait(jobs, timeout=2)
///     for job in jobs:
///         job.cancel()
///     await asyncio.wait(jobs)
///     print(', '.join(map(value, jobs)))
///
/// asyncio.run(main())
/// ```
fn print_all(
    event_loop: &EventLoop,
    names: impl IntoIterator<Item = String>,
    limit: Duration,
) -> Result<(), Exception> {
    let jobs = names.into_iter().map(|name| event_loop.create_task(gethostbyname(event_loop, name)));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
    let all_done = |limit| wait(jobs.clone()).timeout(limit);
    event_loop.run_until_complete(all_done(Some(limit)))?;
    // Ends the late look-ups at once. The system's resolver may go on in its thread, which nothing waits for.
    for job in &jobs {
        job.cancel();
    }
    event_loop.run_until_complete(all_done(None))?;
    let addresses: Vec<_> = jobs.iter().map(value).collect();
    println!("{}", addresses.join(", "));
    Ok(())
}

fn value(job: &Task<IpAddr>) -> String {
    job.result().map_or_else(|_| "None".into(), |address| address.to_string())
}

/// A resolver that answers from the table, after the time that the table gives.
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
