//! A network in the loop of a program that is explored.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use innermost::testing::{Network, explore};
use innermost::{ByteRead, ByteWrite, CoroutineExt, Step, from_fn, yield_from};

use super::super::actors::MS;

#[test]
fn connections_come_in_every_order() {
    let orders = Rc::new(RefCell::new(BTreeSet::new()));
    let seen = Rc::clone(&orders);
    let explored = explore(move |sim| {
        let network = Network::new(sim, 1);
        network.latency(MS..=MS);
        let listener = network.interface("server").listen(80)?;
        for name in ["a", "b"] {
            let connecting = network.interface(name).connect("server", 80);
            sim.create_task(connecting.then(|stream| {
                from_fn(move |mut sent| {
                    yield_from!(stream.recv(&mut [0; 8]), sent)?;
                    Ok(Step::Return(()))
                })
            }))?;
        }
        let mut accepted = Vec::new();
        let order = sim.run(from_fn(move |mut sent| {
            while accepted.len() < 2 {
                let stream = yield_from!(listener.accept(), sent)?;
                assert!(matches!(stream.attempt_send(b"hi")?, Step::Return(2)));
                accepted.push(stream);
            }
            Ok(Step::Return(accepted.iter().map(|stream| stream.peer()).collect::<String>()))
        }))?;
        seen.borrow_mut().insert(order);
        sim.run(innermost::sleep(5 * MS))
    })
    .run();
    assert_eq!(*orders.borrow(), BTreeSet::from(["ab".into(), "ba".into()]));
    assert!(explored.schedules > 1);
}
