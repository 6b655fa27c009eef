//! corosensei: stackful coroutines. Delegation is a function call.
use common::*;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::hint::black_box;

const PEER: &str = "corosensei";

struct Numbers(Coroutine<(), u64, ()>);

impl Iterator for Numbers {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        match self.0.resume(()) {
            CoroutineResult::Yield(number) => Some(number),
            CoroutineResult::Return(()) => None,
        }
    }
}

fn numbers(body: impl FnOnce(&Yielder<(), u64>) + 'static) -> Numbers {
    Numbers(Coroutine::with_stack(DefaultStack::new(64 << 20).expect("address space"), move |yielder, ()| {
        body(yielder)
    }))
}

#[inline(never)]
fn deep(yielder: &Yielder<(), u64>, depth: u64, count: u64) {
    if depth <= 1 {
        for number in 0..count {
            yielder.suspend(number);
        }
    } else {
        deep(black_box(yielder), depth - 1, count);
    }
    black_box(depth);
}

fn walk(yielder: &Yielder<(), u64>, node: &Option<Box<Node>>) {
    if let Some(node) = node {
        walk(yielder, &node.left);
        yielder.suspend(node.key);
        walk(yielder, &node.right);
    }
}

fn create(n: u64) {
    let body = |yielder: &Yielder<(), u64>, ()| {
        yielder.suspend(1);
    };
    let timer = start();
    for _ in 0..n {
        let mut coroutine = Coroutine::new(body);
        black_box(coroutine.resume(()).as_yield());
        coroutine.resume(());
    }
    timer.done(PEER, "create", n);
    let (n, mut stack) = (n * 10, DefaultStack::default());
    let timer = start();
    for _ in 0..n {
        let mut coroutine = Coroutine::with_stack(stack, body);
        black_box(coroutine.resume(()).as_yield());
        coroutine.resume(());
        stack = coroutine.into_stack();
    }
    timer.done("corosensei, stack kept", "create", n);
}

fn main() {
    let (bench, n) = bench_arguments();
    match bench.as_str() {
        "resume" => {
            let n = or(n, 50_000_000);
            let body = move |yielder: &Yielder<(), u64>| (0..n).for_each(|number| yielder.suspend(number));
            consume(PEER, "resume_boxed", n, numbers(body));
        }
        "create" => create(or(n, 200_000)),
        "depth" => {
            for depth in DEPTHS {
                let count = or(n, 5_000_000);
                let body = move |yielder: &Yielder<(), u64>| deep(yielder, depth, count);
                consume_rest(PEER, &format!("depth_{depth}"), count, numbers(body));
            }
        }
        "tree" => {
            let n = or(n, NODES);
            let tree: &'static Option<Box<Node>> = Box::leak(Box::new(tree(0, n)));
            check_walk(PEER, n, numbers(move |yielder| walk(yielder, tree)));
        }
        other => panic!("there is no {other}"),
    }
}
