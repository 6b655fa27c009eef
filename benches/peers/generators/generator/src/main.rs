//! generator: stackful generators. Delegation is a function call.
use common::*;
use generator::{Gn, Scope, done};
use std::hint::black_box;

const PEER: &str = "generator";
/// The size of a stack, in words.
const DEEP_STACK: usize = 8 << 20;

#[inline(never)]
fn deep(scope: &mut Scope<'_, 'static, (), u64>, depth: u64, count: u64) {
    if depth <= 1 {
        for number in 0..count {
            scope.yield_(number);
        }
    } else {
        deep(black_box(scope), depth - 1, count);
    }
    black_box(depth);
}

fn walk(scope: &mut Scope<'_, 'static, (), u64>, node: &Option<Box<Node>>) {
    if let Some(node) = node {
        walk(scope, &node.left);
        scope.yield_(node.key);
        walk(scope, &node.right);
    }
}

fn main() {
    let (bench, n) = bench_arguments();
    match bench.as_str() {
        "resume" => {
            let n = or(n, 50_000_000);
            let numbers = Gn::<()>::new_scoped(move |mut scope| {
                for number in 0..n {
                    scope.yield_(number);
                }
                done!()
            });
            consume(PEER, "resume_boxed", n, numbers);
        }
        "create" => {
            let n = or(n, 200_000);
            let timer = start();
            for _ in 0..n {
                let mut one = Gn::<()>::new_scoped(move |mut scope| {
                    scope.yield_(1_u64);
                    done!()
                });
                black_box(one.next());
                one.next();
            }
            timer.done(PEER, "create", n);
        }
        "depth" => {
            for depth in DEPTHS {
                let count = or(n, 5_000_000);
                let numbers = Gn::<()>::new_scoped_opt(DEEP_STACK, move |mut scope| {
                    deep(&mut scope, depth, count);
                    done!()
                });
                consume_rest(PEER, &format!("depth_{depth}"), count, numbers);
            }
        }
        "tree" => {
            let n = or(n, NODES);
            let tree: &'static Option<Box<Node>> = Box::leak(Box::new(tree(0, n)));
            let keys = Gn::<()>::new_scoped(move |mut scope| {
                walk(&mut scope, tree);
                done!()
            });
            check_walk(PEER, n, keys);
        }
        other => panic!("there is no {other}"),
    }
}
