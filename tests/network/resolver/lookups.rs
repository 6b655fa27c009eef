//! Look-ups by the system and by custom resolvers.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use innermost::executor::{Executor, Pending, ShutdownWait, ThreadPool};
use innermost::resolver::{
    AddrInfo, Answer, Family, IpProtocol, LookupError, LookupErrorKind, LookupFlags, NameFlags, Query, Resolve,
    SocketType, StaticResolver, SystemResolver,
};
use innermost::testing::virtual_loop;
use innermost::{Coroutine, EventLoop, Exception, Kind, Step, from_fn, sleep};

use crate::no_threads::NoThreads;

fn look_up(query: impl Into<Query>) -> Result<Vec<AddrInfo>, Exception> {
    let event_loop = EventLoop::new().unwrap();
    event_loop.run_until_complete(event_loop.getaddrinfo(query))
}

/// A loop without threads.
fn look_up_here(query: impl Into<Query>) -> Result<Vec<AddrInfo>, Exception> {
    let event_loop = virtual_loop().unwrap();
    event_loop.set_default_executor(NoThreads);
    event_loop.run_until_complete(event_loop.getaddrinfo(query))
}

fn addresses(found: &[AddrInfo]) -> Vec<String> {
    found.iter().map(|found| found.address.to_string()).collect()
}

#[test]
fn localhost_can_be_looked_up() {
    let query = Query::new("localhost", 80).socket_type(SocketType::Stream);
    let found = look_up(query.clone().family(Family::V4)).unwrap();
    assert_eq!(addresses(&found)[0], "127.0.0.1:80");
    assert_eq!((found[0].socket_type, found[0].protocol), (SocketType::Stream, IpProtocol::Tcp));
    assert_eq!(found[0].canonical_name, None);
    let named = look_up(query.flags(LookupFlags::CANONICAL_NAME)).unwrap();
    assert_eq!(named[0].canonical_name.as_deref(), Some("localhost"));
}

#[test]
fn an_address_is_resolved_without_a_thread_for_each_socket_type() {
    let found = look_up_here(("127.0.0.1", 80)).unwrap();
    let sorts: Vec<_> = found.iter().map(|found| (found.socket_type, found.protocol)).collect();
    let expected = [
        (SocketType::Stream, IpProtocol::Tcp),
        (SocketType::Datagram, IpProtocol::Udp),
        (SocketType::Raw, IpProtocol::Any),
    ];
    assert_eq!(sorts, expected);
    assert!(found.iter().all(|found| found.address == ([127, 0, 0, 1], 80).into()));

    let stream = |host: &str| Query::new(host, 80).socket_type(SocketType::Stream);
    assert_eq!(addresses(&look_up_here(stream("::1")).unwrap()), ["[::1]:80"]);
    assert_eq!(addresses(&look_up_here(Query::new("::1", 80).protocol(IpProtocol::Udp)).unwrap()), ["[::1]:80"]);
    assert_eq!(look_up_here(("localhost", 80)).unwrap_err().to_string(), "no thread");
}

#[test]
fn an_address_keeps_its_scope() {
    let stream = |host: &str| Query::new(host, 80).socket_type(SocketType::Stream);
    assert_eq!(addresses(&look_up_here(stream("fe80::1%7")).unwrap()), ["[fe80::1%7]:80"]);
    assert_eq!(addresses(&look_up_here(stream("fe80::1%lo")).unwrap()), ["[fe80::1%1]:80"]);
    let address: SocketAddr = "[fe80::1%7]:80".parse().unwrap();
    assert_eq!(look_up_here(Query::from(address).socket_type(SocketType::Stream)).unwrap()[0].address, address);
    let raised = look_up_here(stream("fe80::1%nosuch")).unwrap_err();
    assert_eq!(raised.downcast_ref::<LookupError>().unwrap().kind(), LookupErrorKind::Unknown);
}

#[test]
fn an_empty_host_means_loopback_or_all_addresses_for_listening() {
    let query = Query::of_this_machine(80).socket_type(SocketType::Stream).family(Family::V4);
    assert_eq!(addresses(&look_up_here(query.clone()).unwrap()), ["127.0.0.1:80"]);
    assert_eq!(addresses(&look_up_here(query.flags(LookupFlags::PASSIVE)).unwrap()), ["0.0.0.0:80"]);
}

#[test]
fn a_failure_has_the_systems_text_and_the_requested_name() {
    let kind_and_text = |raised: Exception| {
        // Not moved out: the thread may not have let go of it yet.
        let error = raised.downcast_ref::<LookupError>().unwrap();
        (error.kind(), error.to_string())
    };
    let (kind, text) = kind_and_text(look_up_here(Query::new("127.0.0.1", 80).family(Family::V6)).unwrap_err());
    assert_eq!(kind, LookupErrorKind::Family);
    assert!(text.starts_with("cannot look up 127.0.0.1:80: Address family"), "{text}");

    // Not looked up in the network: it is no address.
    let query = Query::new("nosuch.invalid", 80).flags(LookupFlags::NUMERIC_HOST);
    let (kind, text) = kind_and_text(look_up(query).unwrap_err());
    assert_eq!(kind, LookupErrorKind::Unknown);
    assert_eq!(text, "cannot look up nosuch.invalid:80: Name or service not known");

    let query = Query::new("::1", "nosuch").flags(LookupFlags::NUMERIC_SERVICE);
    let (kind, text) = kind_and_text(look_up(query).unwrap_err());
    assert_eq!(kind, LookupErrorKind::Unknown);
    assert!(text.starts_with("cannot look up [::1]:nosuch: "), "{text}");

    let wrong = Query::new("::1", 80).socket_type(SocketType::Stream).protocol(IpProtocol::Udp);
    assert_eq!(kind_and_text(look_up_here(wrong).unwrap_err()).0, LookupErrorKind::SocketType);
    let wrong = Query::new("::1", 80).socket_type(SocketType::Other(99));
    assert_eq!(kind_and_text(look_up_here(wrong).unwrap_err()).0, LookupErrorKind::SocketType);
}

#[test]
fn numbers_are_resolved_without_a_thread_and_names_with_one() {
    let event_loop = EventLoop::new().unwrap();
    let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let host = |flags| event_loop.run_until_complete(event_loop.getnameinfo(address, flags));
    let names = host(NameFlags::NUMERIC_SERVICE).unwrap();
    assert_eq!(names, ("localhost".into(), "80".into()));
    event_loop.set_default_executor(NoThreads);
    let numbers = host(NameFlags::NUMERIC_HOST | NameFlags::NUMERIC_SERVICE).unwrap();
    assert_eq!(numbers, ("127.0.0.1".into(), "80".into()));
    assert_eq!(host(NameFlags::NUMERIC_HOST).unwrap_err().to_string(), "no thread");
    let numbers = NameFlags::NUMERIC_HOST | NameFlags::NUMERIC_SERVICE;
    let scoped = event_loop.getnameinfo("[fe80::1%1]:443".parse().unwrap(), numbers);
    assert_eq!(event_loop.run_until_complete(scoped).unwrap(), ("fe80::1%lo".into(), "443".into()));
}

// E18
#[test]
fn a_cancelled_lookup_ends_at_once_and_its_answer_is_dropped() {
    let event_loop = EventLoop::new().unwrap();
    let pool = ThreadPool::with(1, "lookups").unwrap();
    let (open, opened) = mpsc::channel::<()>();
    // The only thread is held up, as by a server that does not answer.
    let held = pool.submit(move || Ok(opened.recv()?)).unwrap();
    let pool = std::sync::Arc::new(pool);
    event_loop.set_resolver(SystemResolver::on(std::sync::Arc::clone(&pool)));
    let waiting = event_loop.create_task(event_loop.getaddrinfo(("localhost", 80))).unwrap();
    let cancel = waiting.clone();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert!(cancel.cancel());
    assert!(event_loop.run_until_complete(waiting.join()).unwrap_err().is_cancelled());
    open.send(()).unwrap();
    held.result(None).unwrap();
    pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn a_lookup_that_fails_when_nobody_waits_any_more_is_not_reported() {
    let reports = Rc::new(Cell::new(0));
    let event_loop = EventLoop::new().unwrap();
    let counted = Rc::clone(&reports);
    event_loop.set_exception_handler(move |_| counted.set(counted.get() + 1));
    let pool = std::sync::Arc::new(ThreadPool::with(1, "lookups").unwrap());
    for own in [true, false] {
        if own {
            event_loop.set_resolver(SystemResolver::on(std::sync::Arc::clone(&pool)));
        } else {
            event_loop.set_resolver(SystemResolver::new());
        }
        let mut lookup = Some(event_loop.getaddrinfo(("localhost", "no-such-service")));
        // It begins, and is dropped.
        let given_up = from_fn(move |sent| match lookup.take().map(|mut lookup| lookup.resume(sent)) {
            Some(Ok(Step::Yield(_))) => Ok(Step::Return(())),
            other => panic!("it does not wait: {other:?}"),
        });
        event_loop.run_until_complete(given_up).unwrap();
    }
    pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).unwrap();
    event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    assert_eq!(reports.get(), 0);
}

#[test]
fn a_lookup_after_the_executors_shutdown_fails() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).unwrap();
    let raised = event_loop.run_until_complete(event_loop.getaddrinfo(("localhost", 80))).unwrap_err();
    assert_eq!((raised.kind(), &*raised.to_string()), (Kind::RuntimeError, "Executor shutdown has been called"));
}

#[test]
fn a_new_resolver_replaces_the_previous_one() {
    let event_loop = virtual_loop().unwrap();
    let table = || StaticResolver::new().with("a.example", ["192.0.2.1".parse().unwrap()]);
    event_loop.set_resolver(table());
    let find = |query| event_loop.run_until_complete(event_loop.getaddrinfo(query)).map(|found| addresses(&found));
    assert_eq!(find(Query::new("A.Example.", 80)).unwrap(), ["192.0.2.1:80"]);
    event_loop.set_resolver(table().with("a.example", ["2001:db8::1".parse().unwrap()]));
    assert_eq!(find(Query::new("a.example", 80)).unwrap(), ["192.0.2.1:80", "[2001:db8::1]:80"]);
    assert_eq!(find(Query::new("a.example", 80).family(Family::V6)).unwrap(), ["[2001:db8::1]:80"]);
    let named = Query::new("a.example", 80).flags(LookupFlags::CANONICAL_NAME);
    let named = event_loop.run_until_complete(event_loop.getaddrinfo(named)).unwrap();
    let names: Vec<_> = named.iter().map(|found| found.canonical_name.as_deref()).collect();
    assert_eq!(names, [Some("a.example"), None]);
    let kind = |query| find(query).unwrap_err().downcast::<LookupError>().unwrap().kind();
    assert_eq!(kind(Query::new("b.example", 80)), LookupErrorKind::Unknown);
    assert_eq!(kind(Query::new("a.example", "http")), LookupErrorKind::Service);

    let name =
        |address: &str, flags| event_loop.run_until_complete(event_loop.getnameinfo(address.parse().unwrap(), flags));
    assert_eq!(name("192.0.2.1:80", NameFlags::default()).unwrap().0, "a.example");
    assert_eq!(name("192.0.2.2:80", NameFlags::default()).unwrap().0, "192.0.2.2");
    assert!(name("192.0.2.2:80", NameFlags::NAME_REQUIRED).is_err());
}

/// Uses its own loop whenever it can.
struct Meddler(innermost::LoopHandle, Rc<Cell<bool>>);

impl Resolve for Meddler {
    fn getaddrinfo(&self, query: Query) -> Answer<Vec<AddrInfo>> {
        self.0.set_resolver(StaticResolver::new());
        Box::new(self.0.getaddrinfo(query))
    }

    fn getnameinfo(&self, address: SocketAddr, flags: NameFlags) -> Answer<(String, String)> {
        Box::new(self.0.getnameinfo(address, flags))
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.0.set_resolver(StaticResolver::new());
        self.1.set(true);
    }
}

#[test]
fn a_resolver_may_use_its_own_loop_and_is_dropped_with_it() {
    let dropped = Rc::new(Cell::new(false));
    let event_loop = virtual_loop().unwrap();
    event_loop.set_resolver(Meddler(event_loop.handle(), Rc::clone(&dropped)));
    assert!(event_loop.run_until_complete(event_loop.getaddrinfo(("a.example", 80))).is_err());
    assert!(dropped.replace(false));
    event_loop.set_resolver(Meddler(event_loop.handle(), Rc::clone(&dropped)));
    drop(event_loop);
    assert!(dropped.get());
}
