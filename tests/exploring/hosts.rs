//! Hosts on a simulated network, whose every decision is a choice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use innermost::server::GracefulServer;
use innermost::testing::{Crash, Interface, Interruption, Sim, explore};
use innermost::{Awaitable, ByteRead, ByteWrite, CoroutineExt, Exception, Kind, Step, from_fn, sleep, yield_from};

/// A server that sends each client a greeting.
fn greeter(interface: &Interface) -> Result<impl Awaitable<Return = ()> + use<>, Exception> {
    Ok(GracefulServer::new(interface.listen(80)?, |stream, _stop| {
        Ok(from_fn(move |mut sent| yield_from!(stream.send(b"hello"), sent).map(|_| Step::Return(()))))
    }))
}

/// Connects once the server has had time to start, and gives the number of bytes that come.
fn greeted(interface: &Interface) -> impl Awaitable<Return = usize> + use<> {
    let connect = interface.connect("server", 80);
    sleep(Duration::from_millis(1)).then(|()| connect).then(|stream| {
        let (mut bytes, mut received) = ([0; 16], 0);
        from_fn(move |mut sent| {
            loop {
                match yield_from!(stream.recv(&mut bytes), sent)? {
                    0 => return Ok(Step::Return(received)),
                    count => received += count,
                }
            }
        })
    })
}

/// Runs a server and clients until each client has ended. Returns what they have received.
fn greet(sim: &Sim, clients: usize) -> Result<Vec<usize>, Exception> {
    sim.host("server", |interface| greeter(&interface))?;
    let all = Rc::new(RefCell::new(Vec::new()));
    let clients = (0..clients).map(|client| {
        let received = Rc::clone(&all);
        sim.host(&format!("client {client}"), move |interface| {
            Ok(greeted(&interface).map(move |count| received.borrow_mut().push(count)))
        })
    });
    let clients = clients.collect::<Result<Vec<_>, _>>()?;
    clients.iter().try_for_each(|client| sim.hosts().run_until(client))?;
    Ok(all.take())
}

#[test]
fn every_order_of_the_turns_of_two_hosts_gives_the_client_its_bytes() {
    let explored = explore(|sim| {
        assert_eq!(greet(sim, 1)?, [5]);
        Ok(())
    })
    .preemptions(3)
    .run();
    assert!(explored.is_complete() && explored.schedules > 10, "{explored:?}");
}

#[test]
fn the_loss_of_each_packet_delays_the_client_and_loses_nothing() {
    let times = RefCell::new(BTreeSet::new());
    let explored = explore(|sim| {
        sim.net().lose(0.1);
        assert_eq!(greet(sim, 1)?, [5]);
        times.borrow_mut().insert(sim.time().since_zero());
        Ok(())
    })
    .preemptions(0)
    .schedules(200)
    .run();
    assert_eq!(explored.schedules, 200);
    assert!(times.borrow().contains(&Duration::from_millis(1)) && times.borrow().contains(&Duration::from_millis(201)));
}

#[test]
fn a_server_without_descriptors_serves_later() {
    const EMFILE: i32 = 24;
    let refused = Cell::new(0);
    explore(|sim| {
        sim.faults().every_allocation_of_descriptors(EMFILE);
        match greet(sim, 2) {
            Ok(received) => assert_eq!(received, [5, 5]),
            // It could not listen, or a client could not connect.
            Err(raised) => {
                assert!(raised.to_string().contains("Too many open files"), "{raised}");
                refused.set(refused.get() + 1);
            }
        }
        Ok(())
    })
    .preemptions(0)
    .run();
    assert_eq!(refused.get(), 3);
}

#[test]
fn a_task_and_a_host_run_together() {
    explore(|sim| {
        sim.host("server", |interface| greeter(&interface))?;
        let client = sim.net().interface("client");
        assert_eq!(sim.run(greeted(&client))?, 5);
        Ok(())
    })
    .preemptions(1)
    .run();
}

#[test]
fn what_a_task_of_a_host_loses_fails_the_schedule() {
    let failure = explore(|sim| {
        let host = sim.host("careless", |_| {
            innermost::spawn(sleep(Duration::ZERO).map(|()| panic!("nobody looks")))?;
            Ok(sleep(Duration::from_secs(1)))
        })?;
        sim.hosts().run_until(&host)
    })
    .try_run()
    .unwrap_err();
    assert!(failure.exception().to_string().contains("nobody looks"), "{failure}");
    assert!(failure.story().contains(" on careless, at "), "{failure}");
}

#[test]
fn tasks_of_hosts_are_interrupted_and_hosts_crash() {
    let explored = explore(|sim| {
        sim.faults().every_suspension(Interruption::Cancel);
        let server = sim.host("server", |interface| greeter(&interface))?;
        let client = sim.host("client", |interface| Ok(greeted(&interface).map(drop)))?;
        sim.hosts().call_later(Duration::from_millis(2), move || server.crash(Crash::Resets))?;
        sim.hosts().run_until(&client)
    })
    .preemptions(0)
    .run();
    assert!(explored.is_complete() && explored.schedules > 5, "{explored:?}");
}

#[test]
fn a_story_says_how_many_bytes_a_partial_operation_moves() {
    let story = |wrong: fn(&[usize]) -> bool| {
        let failure = explore(|sim| {
            sim.net().partial();
            let received = greet(sim, 1)?;
            if wrong(&received) { Err(Exception::message(Kind::RuntimeError, "wrong")) } else { Ok(()) }
        });
        failure.preemptions(0).try_run().unwrap_err().story().to_owned()
    };
    let part_is_written = story(|received| received == [1]);
    assert!(part_is_written.contains("\n  !     1 of 5 bytes can be written now\n"), "{part_is_written}");
}
