//! innermost. Delegation uses `Call`: the child becomes a frame on the generator's own stack, and only the innermost frame is
//! resumed.
use common::*;
use innermost::{Call, Coroutine, Exception, Generator, Resumed, Step, yield_from};
use std::hint::black_box;

const PEER: &str = "innermost";

struct Count {
    next: u64,
    end: u64,
}

impl Count {
    fn to(end: u64) -> Self {
        Self { next: 0, end }
    }
}

impl Coroutine for Count {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.next == self.end {
            return Ok(Step::Return(()));
        }
        self.next += 1;
        Ok(Step::Yield(self.next - 1))
    }
}

/// Calls itself up to a given depth, and then calls a counter.
enum Nested {
    At(u64, u64),
    Deeper(Call<Nested>),
    Innermost(Call<Count>),
}

impl Coroutine for Nested {
    type Yield = u64;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match self {
                Self::At(1, count) => *self = Self::Innermost(Call::new(Count::to(*count))),
                Self::At(depth, count) => *self = Self::Deeper(Call::new(Self::At(*depth - 1, *count))),
                Self::Deeper(call) => return Ok(Step::Return(yield_from!(call, sent)?)),
                Self::Innermost(call) => return Ok(Step::Return(yield_from!(call, sent)?)),
            }
        }
    }
}

enum Walk {
    Start(&'static Node),
    Left(&'static Node, Call<Walk>),
    Key(&'static Node),
    AfterKey(&'static Node),
    Right(Call<Walk>),
}

impl Coroutine for Walk {
    type Yield = u64;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            *self = match self {
                Self::Start(node) => match &node.left {
                    Some(left) => Self::Left(node, Call::new(Self::Start(left))),
                    None => Self::Key(node),
                },
                Self::Left(node, call) => {
                    yield_from!(call, sent)?;
                    Self::Key(node)
                }
                Self::Key(node) => {
                    let node = *node;
                    *self = Self::AfterKey(node);
                    return Ok(Step::Yield(node.key));
                }
                Self::AfterKey(node) => match &node.right {
                    Some(right) => Self::Right(Call::new(Self::Start(right))),
                    None => return sent.map(Step::Return),
                },
                Self::Right(call) => return Ok(Step::Return(yield_from!(call, sent)?)),
            }
        }
    }
}

type Boxed = Box<dyn Coroutine<Yield = u64, Input = (), Return = ()>>;

fn boxed(count: u64) -> Boxed {
    black_box(Box::new(Count::to(count)))
}

/// Takes all of the numbers, by resuming the generator directly. Not inlined, because `main` calls it four times: a loop in
/// a real program is compiled by itself.
#[inline(never)]
fn drive<C: Coroutine<Yield = u64, Input = ()>>(bench: &str, count: u64, coroutine: C, first: u64) {
    let mut generator = Generator::new(coroutine);
    for _ in 0..first {
        black_box(generator.next().is_ok());
    }
    let timer = start();
    let mut sum = 0_u64;
    while let Ok(number) = generator.next() {
        sum = sum.wrapping_add(black_box(number));
    }
    black_box(sum);
    timer.done(PEER, bench, count - first);
}

fn numbers<C: Coroutine<Yield = u64, Input = ()>>(coroutine: C) -> impl Iterator<Item = u64> {
    // Nothing raises here.
    Generator::new(coroutine).map_while(Result::ok)
}

fn create(n: u64) {
    let timer = start();
    for _ in 0..n {
        black_box(numbers(boxed(n)).next());
    }
    timer.done(PEER, "create", n);
}

fn main() {
    let (bench, n) = bench_arguments();
    match bench.as_str() {
        "resume" => {
            let n = or(n, 50_000_000);
            drive("resume", n, Count::to(n), 0);
            drive("resume_boxed", n, boxed(n), 0);
        }
        "create" => create(or(n, 5_000_000)),
        "depth" => {
            for depth in DEPTHS {
                let count = or(n, 5_000_000);
                // The first item creates the frames.
                drive(&format!("depth_{depth}"), count, Nested::At(depth, count), 1);
            }
        }
        "tree" => {
            let n = or(n, NODES);
            let tree: &'static Option<Box<Node>> = Box::leak(Box::new(tree(0, n)));
            let root = tree.as_ref().expect("it has nodes");
            check_walk(PEER, n, numbers(Walk::Start(root)));
        }
        other => panic!("there is no {other}"),
    }
}
