//! Whose turn it is, how a run ends, and that it can be repeated.

use std::collections::BTreeSet;
use std::time::Duration;

use innermost::server::GracefulServer;
use innermost::testing::{Hosts, NetworkStream};
use innermost::{
    Await, Buffer, ByteRead, ByteWrite, CoroutineExt, EventLoop, Exception, Instant, Kind, Step, from_fn, lazy, ready,
    sleep, to_thread, yield_from,
};

use super::super::actors::{Act, MS, actor, naps, send};
use crate::support::events::Log;

/// Sends back what arrives.
fn echo(stream: NetworkStream) -> impl innermost::Awaitable<Return = ()> {
    let mut buffer = Buffer::new();
    from_fn(move |mut sent| {
        loop {
            yield_from!(stream.write_all(&mut buffer), sent)?;
            if yield_from!(stream.read(&mut buffer), sent)? == 0 {
                return Ok(Step::Return(()));
            }
        }
    })
}

fn echo_server(hosts: &Hosts) {
    let main = |interface: innermost::testing::Interface| {
        Ok(GracefulServer::new(interface.listen(7)?, |stream, _| Ok(echo(stream))))
    };
    hosts.host("server", main).unwrap();
}

/// What happens in a simulation with several clients and a bad network.
fn events(seed: u64) -> Vec<String> {
    let (hosts, log) = (Hosts::new(seed).unwrap(), Log::default());
    hosts.network().latency(Duration::ZERO..3 * MS).lose(0.1).partial();
    echo_server(&hosts);
    let acts = |name| [Act::Connect("server", 7), send(name), Act::Read, naps(MS), Act::Eof, Act::Read];
    let clients = ["a", "b", "c"].map(|name| actor(&hosts, &log, name, acts(name)));
    for client in &clients {
        hosts.run_until(client).unwrap();
    }
    log.take()
}

#[test]
fn the_same_seed_gives_the_same_events_in_the_same_order() {
    let mut different = BTreeSet::new();
    for seed in 0..1000 {
        let first = events(seed);
        assert_eq!(first, events(seed), "{seed}");
        different.insert(first);
    }
    assert!(different.len() > 990, "{} different runs", different.len());
}

#[test]
fn the_order_of_hosts_is_a_choice() {
    let orders: BTreeSet<String> = (0..200)
        .map(|seed| {
            let (hosts, log) = (Hosts::new(seed).unwrap(), Log::default());
            for name in ["a", "b", "c"] {
                let log = log.clone();
                hosts.host(name, move |_| Ok(ready(()).map(move |()| log.add(name)))).unwrap();
            }
            hosts.run().unwrap();
            log.take().concat()
        })
        .collect();
    assert_eq!(orders.into_iter().collect::<Vec<_>>(), ["abc", "acb", "bac", "bca", "cab", "cba"]);
}

#[test]
fn a_host_keeps_the_order_of_its_own_tasks() {
    for seed in 0..100 {
        let (hosts, log) = (Hosts::new(seed).unwrap(), Log::default());
        let main = {
            let log = log.clone();
            move |_| {
                for name in ["a", "b", "c"] {
                    let log = log.clone();
                    innermost::spawn(sleep(MS).map(move |()| log.add(name)))?;
                }
                Ok(sleep(2 * MS))
            }
        };
        hosts.host("host", main).unwrap();
        hosts.host("other", |_| Ok(sleep(2 * MS))).unwrap();
        hosts.run().unwrap();
        assert_eq!(log.take(), ["a", "b", "c"]);
    }
}

#[test]
fn a_hundred_hosts_talk_to_each_other() {
    let (hosts, log) = (Hosts::new(1).unwrap(), Log::default());
    hosts.network().latency(MS..10 * MS).lose(0.05);
    echo_server(&hosts);
    let clients: Vec<_> = (0..100)
        .map(|n| actor(&hosts, &log, &n.to_string(), [Act::Connect("server", 7), send("hello"), Act::Read]))
        .collect();
    for client in &clients {
        hosts.run_until(client).unwrap();
    }
    assert_eq!(log.take().iter().filter(|event| event.ends_with("read \"hello\"")).count(), 100);
}

#[test]
fn hosts_that_would_wait_for_ever_raise_an_error_that_says_for_what() {
    let hosts = Hosts::new(1).unwrap();
    echo_server(&hosts);
    let client = |interface: innermost::testing::Interface| {
        Ok(interface.connect("server", 7).then(|stream| {
            from_fn(move |mut sent| yield_from!(stream.recv(&mut [0; 9]), sent).map(|_| Step::Return(())))
        }))
    };
    hosts.host("client", client).unwrap();
    let raised = hosts.run().unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    let text = raised.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "deadlock: all hosts would wait forever");
    assert!(lines[1].starts_with("  server: Task-1: server: GracefulServer(accepting, 1 connections)"), "{text}");
    assert!(lines[2].starts_with("  server: Task-2: "), "{text}");
    let readable = "Readable(server:7 to client:49152 (open, 0 bytes arrived, 0 sent and not read))";
    assert!(lines[2].ends_with(&format!(" waits for {readable}")), "{text}");
    assert!(lines[3].starts_with("  client: Task-1: "), "{text}");
    assert_eq!(lines.len(), 4, "{text}");
}

#[test]
fn hosts_that_never_wait_raise_an_error() {
    let hosts = Hosts::new(1).unwrap();
    let spin =
        |_| Ok(from_fn(|sent: Result<(), Exception>| sent.map(|()| Step::<Await, (), ()>::Yield(Await::next_turn()))));
    hosts.host("spinner", spin).unwrap();
    let raised = hosts.run().unwrap_err().to_string();
    assert!(raised.starts_with("livelock: the hosts have taken a million turns without waiting\n  spinner: Task-1"));
}

#[test]
fn a_run_ends_at_the_limit() {
    let hosts = Hosts::new(1).unwrap();
    hosts.host("sleeper", |_| Ok(sleep(Duration::from_secs(20)))).unwrap();
    hosts.set_limit(Instant::from_zero(Duration::from_secs(10)));
    let raised = hosts.run().unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
    assert!(raised.to_string().contains("sleeper: Task-1"), "{raised}");
    hosts.set_limit(Instant::from_zero(Duration::from_secs(20)));
    hosts.run().unwrap();
    assert_eq!(hosts.time().since_zero(), Duration::from_secs(20));
}

#[test]
fn the_failure_of_a_main_coroutine_ends_the_run() {
    let hosts = Hosts::new(1).unwrap();
    hosts.host("good", |_| Ok(sleep(MS))).unwrap();
    hosts
        .host("bad", |_| Ok(lazy(|| ready(())).try_map(|()| Err(Exception::message(Kind::ValueError, "no")))))
        .unwrap();
    let raised = hosts.run().unwrap_err();
    assert_eq!((raised.kind(), raised.notes().count()), (Kind::ValueError, 1));
    hosts.run().unwrap();
    let raised = hosts.host("good", |_| Ok(sleep(MS))).unwrap_err();
    assert_eq!(raised.to_string(), "there is a host \"good\" already");
}

#[test]
fn functions_for_threads_run_where_they_are_submitted() {
    let hosts = Hosts::new(1).unwrap();
    let here = std::thread::current().id();
    let main =
        move |_| Ok(to_thread(move || Ok(std::thread::current().id())).map(move |there| assert_eq!(there, here)));
    hosts.host("host", main).unwrap();
    hosts.run().unwrap();
    assert_eq!(hosts.time().since_zero(), Duration::ZERO);
}

#[test]
fn a_host_that_awaits_a_thread_is_waited_for() {
    let hosts = Hosts::new(1).unwrap();
    let main = move |_| {
        let (promise, future) = innermost::executor::promise();
        std::thread::spawn(move || promise.set_result(7));
        let future = EventLoop::running()?.wrap_future(&future)?;
        Ok(future.map(|number: i32| assert_eq!(number, 7)))
    };
    hosts.host("host", main).unwrap();
    hosts.host("sleeper", |_| Ok(sleep(MS))).unwrap();
    hosts.run().unwrap();
    assert_eq!(hosts.time().since_zero(), MS);
}
