//! genawaiter: generators made of `async` blocks. A generator delegates with a loop over its child, as in the crate's
//! documentation (`nested`), or by passing its `Co` on and awaiting the child (`awaited`).
use common::*;
use genawaiter::rc::{Co, Gen};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

const RC: &str = "genawaiter";
const STACK: &str = "genawaiter, on the stack";
const SYNC: &str = "genawaiter, sync";
const NESTED: &str = "genawaiter, nested";
const AWAITED: &str = "genawaiter, awaited";

fn nested(depth: u64, count: u64) -> Box<dyn Iterator<Item = u64>> {
    if depth <= 1 {
        return Box::new(
            Gen::new(|co: Co<u64>| async move {
                for number in 0..count {
                    co.yield_(number).await;
                }
            })
            .into_iter(),
        );
    }
    Box::new(
        Gen::new(|co: Co<u64>| async move {
            for number in nested(depth - 1, count) {
                co.yield_(number).await;
            }
        })
        .into_iter(),
    )
}

fn awaited(co: &Co<u64>, depth: u64, count: u64) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(async move {
        if depth <= 1 {
            for number in 0..count {
                co.yield_(number).await;
            }
        } else {
            awaited(co, depth - 1, count).await;
        }
    })
}

fn walk_nested(node: &Option<Box<Node>>) -> Box<dyn Iterator<Item = u64> + '_> {
    let keys = Gen::new(|co: Co<u64>| async move {
        if let Some(node) = node {
            for key in walk_nested(&node.left) {
                co.yield_(key).await;
            }
            co.yield_(node.key).await;
            for key in walk_nested(&node.right) {
                co.yield_(key).await;
            }
        }
    });
    Box::new(keys.into_iter())
}

fn walk_awaited<'a>(co: &'a Co<u64>, node: &'a Option<Box<Node>>) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        if let Some(node) = node {
            walk_awaited(co, &node.left).await;
            co.yield_(node.key).await;
            walk_awaited(co, &node.right).await;
        }
    })
}

fn resume(n: u64) {
    let boxed = Gen::new(|co: Co<u64>| async move {
        for number in 0..n {
            co.yield_(number).await;
        }
    });
    consume(RC, "resume", n, boxed.into_iter());
    genawaiter::stack::let_gen_using!(on_stack, |co: genawaiter::stack::Co<'_, u64>| async move {
        for number in 0..n {
            co.yield_(number).await;
        }
    });
    consume(STACK, "resume", n, on_stack.into_iter());
    let n = n.div_ceil(10);
    let sync = genawaiter::sync::Gen::new(|co: genawaiter::sync::Co<u64>| async move {
        for number in 0..n {
            co.yield_(number).await;
        }
    });
    consume(SYNC, "resume", n, sync.into_iter());
}

fn create(n: u64) {
    let timer = start();
    for _ in 0..n {
        let mut numbers = Gen::new(|co: Co<u64>| async move {
            for number in 0..n {
                co.yield_(number).await;
            }
        });
        black_box(numbers.resume());
    }
    timer.done(RC, "create", n);
}

fn depth(n: u64) {
    for depth in DEPTHS {
        let (count, bench) = (items_at(n, depth), format!("depth_{depth}"));
        consume_rest(NESTED, &bench, count, nested(depth, count));
        let numbers = Gen::new(|co| async move { awaited(&co, depth, count).await });
        consume_rest(AWAITED, &bench, count, numbers.into_iter());
    }
}

fn main() {
    let (bench, n) = bench_arguments();
    match bench.as_str() {
        "resume" => resume(or(n, 50_000_000)),
        "create" => create(or(n, 5_000_000)),
        "depth" => on_deep_stack(move || depth(n)),
        "tree" => {
            let n = or(n, NODES);
            let tree = &tree(0, n);
            check_walk(NESTED, n, walk_nested(tree));
            check_walk(AWAITED, n, Gen::new(|co| async move { walk_awaited(&co, tree).await }).into_iter());
        }
        other => panic!("there is no {other}"),
    }
}
