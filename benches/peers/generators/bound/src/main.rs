//! The bounds, written by hand for these programs alone: iterators, a stack of boxed frames whose top is resumed, and nested
//! iterators.
use common::*;
use std::hint::black_box;

const ITERATOR: &str = "bound: iterator";
const FRAMES: &str = "bound: stack of frames";
const NESTED: &str = "boxed iterators, nested";

struct Count {
    next: u64,
    end: u64,
}

impl Iterator for Count {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

fn count_to(end: u64) -> Count {
    Count { next: 0, end }
}

fn boxed(end: u64) -> Box<dyn Iterator<Item = u64>> {
    black_box(Box::new(count_to(end)))
}

// ---- frames

enum Step {
    Yield(u64),
    Call(Box<dyn Frame>),
    Return,
}

trait Frame {
    fn step(&mut self) -> Step;
}

struct Frames(Vec<Box<dyn Frame>>);

impl Iterator for Frames {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        loop {
            match self.0.last_mut()?.step() {
                Step::Yield(number) => return Some(number),
                Step::Call(frame) => self.0.push(frame),
                Step::Return => {
                    self.0.pop();
                }
            }
        }
    }
}

impl Frame for Count {
    fn step(&mut self) -> Step {
        self.next().map_or(Step::Return, Step::Yield)
    }
}

struct Nested {
    depth: u64,
    count: u64,
    called: bool,
}

impl Frame for Nested {
    fn step(&mut self) -> Step {
        if std::mem::replace(&mut self.called, true) {
            return Step::Return;
        }
        Step::Call(match self.depth {
            1 => Box::new(count_to(self.count)),
            depth => Box::new(Nested { depth: depth - 1, count: self.count, called: false }),
        })
    }
}

struct Walk {
    node: &'static Node,
    state: u8,
}

impl Frame for Walk {
    fn step(&mut self) -> Step {
        loop {
            self.state += 1;
            let child = match self.state {
                1 => &self.node.left,
                2 => return Step::Yield(self.node.key),
                3 => &self.node.right,
                _ => return Step::Return,
            };
            if let Some(node) = child {
                return Step::Call(Box::new(Walk { node, state: 0 }));
            }
        }
    }
}

// ---- nested iterators, and an iterator that keeps its path

struct Around(Box<dyn Iterator<Item = u64>>);

impl Iterator for Around {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0.next()
    }
}

fn nested(depth: u64, count: u64) -> Box<dyn Iterator<Item = u64>> {
    if depth <= 1 { Box::new(count_to(count)) } else { Box::new(Around(nested(depth - 1, count))) }
}

/// The nodes whose left subtrees have been walked, and whose keys come next.
struct Path(Vec<&'static Node>);

impl Path {
    fn descend(&mut self, mut node: &'static Option<Box<Node>>) {
        while let Some(here) = node {
            self.0.push(here);
            node = &here.left;
        }
    }
}

impl Iterator for Path {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let node = self.0.pop()?;
        self.descend(&node.right);
        Some(node.key)
    }
}

fn depth(n: u64) {
    for depth in DEPTHS {
        let bench = format!("depth_{depth}");
        let count = items_at(n, depth);
        consume_rest(NESTED, &bench, count, nested(depth, count));
        let count = or(n, 5_000_000);
        consume_rest(FRAMES, &bench, count, Frames(vec![Box::new(Nested { depth, count, called: false })]));
    }
}

fn main() {
    let (bench, n) = bench_arguments();
    match bench.as_str() {
        "resume" => {
            let n = or(n, 50_000_000);
            consume(ITERATOR, "resume", n, count_to(n));
            consume(ITERATOR, "resume_boxed", n, boxed(n));
        }
        "create" => {
            let n = or(n, 5_000_000);
            let timer = start();
            for _ in 0..n {
                black_box(boxed(n).next());
            }
            timer.done(ITERATOR, "create", n);
        }
        "depth" => on_deep_stack(move || depth(n)),
        "tree" => {
            let n = or(n, NODES);
            let tree: &'static Option<Box<Node>> = Box::leak(Box::new(tree(0, n)));
            let mut path = Path(Vec::new());
            path.descend(tree);
            check_walk(ITERATOR, n, path);
            let node = tree.as_ref().expect("it has nodes");
            check_walk(FRAMES, n, Frames(vec![Box::new(Walk { node, state: 0 })]));
        }
        other => panic!("there is no {other}"),
    }
}
