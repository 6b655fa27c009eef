//! The compiler's coroutines and `gen` blocks, which only nightly has.
#![feature(coroutines, coroutine_trait, gen_blocks)]
use common::*;
use std::hint::black_box;
use std::ops::{Coroutine, CoroutineState};
use std::pin::Pin;

const COROUTINE: &str = "nightly coroutine";
const GEN: &str = "nightly gen block";

type Boxed<'a> = Pin<Box<dyn Coroutine<Yield = u64, Return = ()> + 'a>>;

struct Numbers<C: ?Sized>(Pin<Box<C>>);

impl<C: Coroutine<Yield = u64, Return = ()> + ?Sized> Iterator for Numbers<C> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        match self.0.as_mut().resume(()) {
            CoroutineState::Yielded(number) => Some(number),
            CoroutineState::Complete(()) => None,
        }
    }
}

fn counter(count: u64) -> impl Coroutine<Yield = u64, Return = ()> + Unpin {
    #[coroutine]
    move || {
        for number in 0..count {
            yield number
        }
    }
}

fn nested(depth: u64, count: u64) -> Boxed<'static> {
    if depth <= 1 {
        return Box::pin(counter(count));
    }
    Box::pin(
        #[coroutine]
        move || {
            let mut child = nested(depth - 1, count);
            while let CoroutineState::Yielded(number) = child.as_mut().resume(()) {
                yield number
            }
        },
    )
}

fn nested_gen(depth: u64, count: u64) -> Box<dyn Iterator<Item = u64>> {
    if depth <= 1 {
        return Box::new(gen move {
            for number in 0..count {
                yield number
            }
        });
    }
    Box::new(gen move {
        for number in nested_gen(depth - 1, count) {
            yield number
        }
    })
}

fn walk(node: &Option<Box<Node>>) -> Boxed<'_> {
    Box::pin(
        #[coroutine]
        move || {
            if let Some(node) = node {
                let mut child = walk(&node.left);
                while let CoroutineState::Yielded(key) = child.as_mut().resume(()) {
                    yield key
                }
                yield node.key;
                let mut child = walk(&node.right);
                while let CoroutineState::Yielded(key) = child.as_mut().resume(()) {
                    yield key
                }
            }
        },
    )
}

fn resume(n: u64) {
    consume(COROUTINE, "resume", n, Numbers(Box::pin(counter(n))));
    let boxed: Boxed<'_> = black_box(Box::pin(counter(n)));
    consume(COROUTINE, "resume_boxed", n, Numbers(boxed));
    let unboxed = gen move {
        for number in 0..n {
            yield number
        }
    };
    consume(GEN, "resume", n, unboxed);
    let boxed: Box<dyn Iterator<Item = u64>> = black_box(Box::new(gen move {
        for number in 0..n {
            yield number
        }
    }));
    consume(GEN, "resume_boxed", n, boxed);
}

fn create(n: u64) {
    let timer = start();
    for _ in 0..n {
        let mut one: Boxed<'_> = black_box(Box::pin(counter(n)));
        let _ = black_box(one.as_mut().resume(()));
    }
    timer.done(COROUTINE, "create", n);
}

fn depth(n: u64) {
    for depth in DEPTHS {
        let (count, bench) = (items_at(n, depth), format!("depth_{depth}"));
        consume_rest(COROUTINE, &bench, count, Numbers(nested(depth, count)));
        consume_rest(GEN, &bench, count, nested_gen(depth, count));
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
            check_walk(COROUTINE, n, Numbers(walk(tree)));
        }
        other => panic!("there is no {other}"),
    }
}
