//! The cost of resuming, delegating, walking a tree and creating coroutines, measured against hand-written code.
//!
//! ```text
//! cargo bench --bench coroutines                          each line by itself: time per batch, throughput
//! taskset -c 1 cargo bench --bench coroutines -- ratios   ours and the bound in turns: medians and their ratio
//! cargo bench --bench coroutines -- --instructions        user instructions instead of time (needs valgrind)
//!   --check        fails if a count is more than 5 % above `instructions/coroutines.txt`
//!   --renew        writes that file
//! ```
//!
//! A batch has about a million items (`create depth`: 100,000), so a millisecond per batch is a nanosecond per item. A
//! bound does the same work as code written by hand for this program alone: no exceptions, no values sent in, no typed
//! results, and no closing. It delegates with a `Vec<Box<dyn Frame>>`, and resumes the top frame. All lines and bounds
//! are in one file, so that the compiler treats them alike.
//!
//! | line | ours | bound |
//! |---|---|---|
//! | `resume inlined` | `for` over a `Generator` of a counter | `for` over the counter as an iterator |
//! | `resume child`   | `for` over a parent that delegates to the counter inline, with `yield_from!` | `for` over the counter |
//! | `resume boxed`   | resuming a `Generator<Box<dyn Coroutine>>` | a `Box<dyn Iterator>` |
//! | `depth n`        | resuming a counter below `n` nested calls | a stack of `n` boxed frames |
//! | `machine in place` | a `Generator` of a machine declared by `machine!` | of the same machine written by hand |
//! | `machine by value` | the same, one that waits for children and gets its data by value | the same, by hand |
//! | `tree fresh`     | recursive in-order walk of 2^20 - 1 nodes, with a new `Call` per child | a boxed frame per child |
//! | `tree restart`   | recursive in-order walk, with one `Call` per node, restarted for the second child | a boxed frame per child |
//! | `create ended`   | making a boxed generator, and resuming it to its one yield and to its end | a boxed iterator, to its end |
//! | `create closed`  | making a boxed generator, resuming it once and dropping it, which closes it | a boxed iterator, dropped |
//! | `create call`    | calling a child, resuming it to its one yield and to its end, dropping it | a boxed frame, to its end |
//! | `create restart` | `create call`, with one `Call` that is restarted for each child | a boxed frame, to its end |
//! | `create depth`   | making and dropping a call in a chain of 100,000 | a boxed frame in such a chain |
//!
//! `benches/README.md` has the figures. From build to build, lines of 2 to 5 ns vary by up to 1.4 ns, because the
//! compiler places their code differently. That affects ours and the bounds alike. `resume inlined` and `resume child`
//! take as long as summing the numbers does: see `mix`.

use std::fmt;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use innermost::{Call, Coroutine, Exception, Generator, Resumed, Step, yield_from};

use self::instructions::{BATCHES, Then};

#[path = "instructions/figures.rs"]
mod figures;
#[path = "instructions/count.rs"]
mod instructions;
#[path = "coroutines/machines.rs"]
mod machines;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if let [batches, name, side, count] = &arguments[..]
        && batches == BATCHES
    {
        run_batches(name, side, count);
    } else if has("--instructions") {
        let counted = OURS.iter().map(|(line, _)| (line.name, line.items)).filter(|(name, _)| COUNTED.contains(name));
        if let Err(error) = instructions::count("coroutines", &counted.collect::<Vec<_>>(), &Then::of(&arguments)) {
            eprintln!("coroutines: {error}");
            return ExitCode::FAILURE;
        }
    } else if has("ratios") {
        ratios();
    } else {
        divan::main();
    }
    ExitCode::SUCCESS
}

/// One thing to measure.
struct Line {
    name: &'static str,
    /// The number of items in a batch.
    items: u64,
    /// Returns the batch. Sets up what it needs, which is not measured.
    prepare: fn() -> Box<dyn FnMut()>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

const MILLION: u64 = 1_000_000;
const NODES: u64 = (1 << 20) - 1;
const CHAIN: u32 = 100_000;

/// Each line of ours, with the name of its bound in [`BOUNDS`].
const OURS: &[(Line, &str)] = &[
    (line("resume inlined", MILLION, || batch(|| sum(Generator::new(Count::to(MILLION))))), "iterator inlined"),
    (line("resume child", MILLION, || batch(|| sum(Generator::new(Parent(Count::to(MILLION)))))), "iterator inlined"),
    (line("resume boxed", MILLION, || resumed(Generator::new(boxed(u64::MAX)))), "iterator boxed"),
    (line("depth 1", MILLION, || resumed(Generator::new(Nested::At(1)))), "frames, depth 1"),
    (line("depth 10", MILLION, || resumed(Generator::new(Nested::At(10)))), "frames, depth 10"),
    (line("depth 1000", MILLION, || resumed(Generator::new(Nested::At(1000)))), "frames, depth 1000"),
    (line("depth 100000", MILLION, || resumed(Generator::new(Nested::At(CHAIN)))), "frames, depth 100000"),
    (line("machine in place", MILLION, || passed(Generator::new(machines::declared()))), "by hand, in place"),
    (line("machine by value", MILLION, || passed(Generator::new(machines::declared_by_value()))), "by hand, by value"),
    (line("tree fresh", NODES, || on_tree(|tree| sum(Generator::new(FreshWalk::Start(tree))))), "frames, tree"),
    (line("tree restart", NODES, || on_tree(|tree| sum(Generator::new(RestartWalk::new(tree))))), "frames, tree"),
    (line("create ended", MILLION, || each(|| sum(Generator::new(boxed(1))))), "create iterator, ended"),
    (line("create closed", MILLION, || each(|| first(Generator::new(boxed(u64::MAX))))), "create iterator"),
    (line("create call", MILLION, || batch(|| sum(Generator::new(Caller::new())))), "create frame"),
    (line("create restart", MILLION, || batch(|| sum(Generator::new(Restarter::new())))), "create frame"),
    (line("create depth", CHAIN as u64, || batch(|| first(Generator::new(Nested::At(CHAIN))))), "create frames, deep"),
];

const BOUNDS: &[Line] = &[
    line("iterator inlined", MILLION, || batch(|| sum_of(Count::to(MILLION)))),
    line("iterator boxed", MILLION, || resumed_bound(boxed_bound(u64::MAX))),
    line("frames, depth 1", MILLION, || resumed_bound(Frames::of(NestedFrame::At(1)))),
    line("frames, depth 10", MILLION, || resumed_bound(Frames::of(NestedFrame::At(10)))),
    line("frames, depth 1000", MILLION, || resumed_bound(Frames::of(NestedFrame::At(1000)))),
    line("frames, depth 100000", MILLION, || resumed_bound(Frames::of(NestedFrame::At(CHAIN)))),
    line("by hand, in place", MILLION, || passed(Generator::new(machines::by_hand()))),
    line("by hand, by value", MILLION, || passed(Generator::new(machines::by_hand_by_value()))),
    line("frames, tree", NODES, || on_tree(|node| sum_of(Frames::of(WalkFrame { node, state: 0 })))),
    line("create iterator, ended", MILLION, || each(|| sum_of(boxed_bound(1)))),
    line("create iterator", MILLION, || each(|| boxed_bound(u64::MAX).next().unwrap_or_default())),
    line("create frame", MILLION, || batch(|| sum_of(Frames::of(CallerFrame { called: 0 })))),
    line("create frames, deep", CHAIN as u64, || {
        batch(|| Frames::of(NestedFrame::At(CHAIN)).next().unwrap_or_default())
    }),
];

const fn line(name: &'static str, items: u64, prepare: fn() -> Box<dyn FnMut()>) -> Line {
    Line { name, items, prepare }
}

#[divan::bench(args = OURS.iter().map(|(line, _)| line), sample_size = 1)]
fn ours(bencher: Bencher<'_, '_>, line: &Line) {
    bencher.counter(ItemsCount::new(line.items)).bench_local((line.prepare)());
}

#[divan::bench(args = BOUNDS, sample_size = 1)]
fn bound(bencher: Bencher<'_, '_>, line: &Line) {
    bencher.counter(ItemsCount::new(line.items)).bench_local((line.prepare)());
}

/// The lines whose instructions are counted. The others would take too long: callgrind is fifty times slower.
const COUNTED: &[&str] = &[
    "resume inlined",
    "resume child",
    "resume boxed",
    "depth 1",
    "depth 1000",
    "machine in place",
    "machine by value",
    "create ended",
    "create call",
];

/// Runs one side of one line, for callgrind or a profiler.
fn run_batches(name: &str, side: &str, count: &str) {
    let (line, bound) = OURS.iter().find(|(line, _)| line.name == name).expect("there is such a line");
    let bound = || BOUNDS.iter().find(|line| line.name == *bound).expect("every line has its bound");
    let mut batch = if side == "bound" { (bound().prepare)() } else { (line.prepare)() };
    (0..count.parse().expect("a number of batches")).for_each(|_: u32| batch());
}

/// Prints each line beside its bound: the medians of 31 rounds, in which a batch of ours and one of the bound take turns.
fn ratios() {
    println!("| line | ours, ns an item | bound | ratio |\n|---|--:|--:|--:|");
    for (line, bound_name) in OURS {
        let bound = BOUNDS.iter().find(|bound| bound.name == *bound_name).expect("every line has its bound");
        let (mut ours, mut theirs) = ((line.prepare)(), (bound.prepare)());
        let mut times = (Vec::new(), Vec::new());
        for _ in 0..31 {
            times.0.push(time(&mut ours));
            times.1.push(time(&mut theirs));
        }
        let (ours, theirs) = (median(times.0, line.items), median(times.1, bound.items));
        println!("| {line} | {ours:.2} | {theirs:.2} | {:.2} |", ours / theirs);
    }
}

fn time(batch: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    batch();
    start.elapsed()
}

fn median(mut times: Vec<Duration>, items: u64) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64 / items as f64
}

// ---- batches

/// A batch that makes a new machine each time.
fn batch(mut run: impl FnMut() -> u64 + 'static) -> Box<dyn FnMut()> {
    Box::new(move || {
        black_box(run());
    })
}

/// A batch that resumes a suspended machine a million times. The machine is a local variable while the batch runs, as in a
/// `for` loop.
fn resumed<C: Coroutine<Yield = u64, Input = ()> + 'static>(mut generator: Generator<C>) -> Box<dyn FnMut()> {
    assert_eq!(first_of(&mut generator), 0);
    let mut kept = Some(generator);
    batch(move || {
        let mut generator = kept.take().expect("kept by the batch before");
        let mut sum = 0_u64;
        for _ in 0..MILLION {
            let Ok(number) = generator.next() else { unreachable!("it counts for ever") };
            sum = mix(sum, number);
        }
        kept = Some(generator);
        sum
    })
}

/// A batch that resumes a machine a million times, whatever it yields.
fn passed<C: Coroutine<Yield = u64, Input = ()> + 'static>(generator: Generator<C>) -> Box<dyn FnMut()> {
    let mut kept = Some(generator);
    batch(move || {
        let mut generator = kept.take().expect("kept by the batch before");
        let mut sum = 0_u64;
        for _ in 0..MILLION {
            let Ok(number) = generator.next() else { unreachable!("it goes on for ever") };
            sum = mix(sum, number);
        }
        kept = Some(generator);
        sum
    })
}

fn resumed_bound(mut numbers: impl Iterator<Item = u64> + 'static) -> Box<dyn FnMut()> {
    assert_eq!(numbers.next(), Some(0));
    let mut kept = Some(numbers);
    batch(move || {
        let mut numbers = kept.take().expect("kept by the batch before");
        let mut sum = 0_u64;
        for _ in 0..MILLION {
            let Some(number) = numbers.next() else { unreachable!("it counts for ever") };
            sum = mix(sum, number);
        }
        kept = Some(numbers);
        sum
    })
}

/// A batch that walks the tree, which all batches share.
fn on_tree(mut walk: impl FnMut(&'static Node) -> u64 + 'static) -> Box<dyn FnMut()> {
    static TREE: LazyLock<Box<Node>> = LazyLock::new(|| Node::tree(0, NODES).expect("it has nodes"));
    assert_eq!(walk(&TREE), (0..NODES).fold(0, mix), "the keys come in order");
    batch(move || walk(&TREE))
}

/// Combines two numbers in two dependent instructions, which the compiler cannot simplify across iterations. An iteration
/// of the shortest loops then takes two cycles in every build. Without this, some builds would need one and others two.
#[inline(always)]
const fn mix(sum: u64, number: u64) -> u64 {
    sum.rotate_left(1) ^ number
}

#[inline(always)]
fn sum<C: Coroutine<Yield = u64, Input = ()>>(generator: Generator<C>) -> u64 {
    let mut sum = 0_u64;
    for number in generator {
        let Ok(number) = number else { unreachable!("nothing raises here") };
        sum = mix(sum, number);
    }
    sum
}

#[inline(always)]
fn sum_of(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut sum = 0_u64;
    for number in numbers {
        sum = mix(sum, number);
    }
    sum
}

fn first_of<C: Coroutine<Yield = u64, Input = ()>>(generator: &mut Generator<C>) -> u64 {
    generator.next().unwrap_or(u64::MAX)
}

fn first<C: Coroutine<Yield = u64, Input = ()>>(mut generator: Generator<C>) -> u64 {
    first_of(&mut generator)
}

type BoxedCount = Box<dyn Coroutine<Yield = u64, Input = (), Return = ()>>;

fn boxed(end: u64) -> BoxedCount {
    black_box(Box::new(Count::to(end)))
}

fn boxed_bound(end: u64) -> Box<dyn Iterator<Item = u64>> {
    black_box(Box::new(Count::to(end)))
}

/// A batch that calls `run` a million times.
fn each(mut run: impl FnMut() -> u64 + 'static) -> Box<dyn FnMut()> {
    batch(move || (0..MILLION).fold(0, |sum, _| mix(sum, run())))
}

// ---- the machines

/// Counts from 0 up to a limit: an iterator and a coroutine.
struct Count {
    next: u64,
    end: u64,
}

impl Count {
    const fn to(end: u64) -> Self {
        Self { next: 0, end }
    }
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

impl Coroutine for Count {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        Ok(self.next().map_or(Step::Return(()), Step::Yield))
    }
}

/// Delegates to its child inline.
struct Parent<C>(C);

impl<C: Coroutine> Coroutine for Parent<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    #[inline]
    fn resume(&mut self, mut sent: Result<C::Input, Exception>) -> Resumed<Self> {
        Ok(Step::Return(yield_from!(self.0, sent)?))
    }
}

/// Calls itself up to a given depth, and then calls a counter that never ends.
enum Nested {
    At(u32),
    Deeper(Call<Nested>),
    Innermost(Call<Count>),
}

impl Coroutine for Nested {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match self {
                Self::At(1) => *self = Self::Innermost(Call::new(Count::to(u64::MAX))),
                Self::At(depth) => *self = Self::Deeper(Call::new(Self::At(*depth - 1))),
                Self::Deeper(call) => return Ok(Step::Return(yield_from!(call, sent)?)),
                Self::Innermost(call) => return Ok(Step::Return(yield_from!(call, sent)?)),
            }
        }
    }
}

struct Node {
    key: u64,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
}

impl Node {
    /// A balanced tree with keys from `least` on.
    fn tree(least: u64, nodes: u64) -> Option<Box<Self>> {
        let on_the_left = nodes.checked_sub(1)? / 2;
        let left = Self::tree(least, on_the_left);
        let right = Self::tree(least + on_the_left + 1, nodes - 1 - on_the_left);
        Some(Box::new(Self { key: least + on_the_left, left, right }))
    }
}

/// Walks a tree in order, with a new `Call` for each child: the most obvious way to write the walk. (`inline(always)` makes
/// both walks 15 % faster: the compiler does not inline a `resume` of this size into its frame by itself.)
enum FreshWalk {
    Start(&'static Node),
    Left(&'static Node, Call<FreshWalk>),
    Key(&'static Node),
    Right(Call<FreshWalk>),
    Done,
}

impl Coroutine for FreshWalk {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline(always)]
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
                    let key = node.key;
                    *self = match &node.right {
                        Some(right) => Self::Right(Call::new(Self::Start(right))),
                        None => Self::Done,
                    };
                    return Ok(Step::Yield(key));
                }
                Self::Right(call) => return Ok(Step::Return(yield_from!(call, sent)?)),
                Self::Done => {
                    sent?;
                    return Ok(Step::Return(()));
                }
            }
        }
    }
}

/// Walks a tree in order, with one `Call` per node, which is restarted for the second child.
struct RestartWalk {
    node: &'static Node,
    at: At,
    call: Option<Call<RestartWalk>>,
}

#[derive(Clone, Copy)]
enum At {
    Start,
    Left,
    Key,
    Right,
}

impl RestartWalk {
    #[inline]
    fn new(node: &'static Node) -> Self {
        Self { node, at: At::Start, call: None }
    }

    #[inline]
    fn call(&mut self, node: &'static Node) {
        match &mut self.call {
            None => self.call = Some(Call::new(Self::new(node))),
            Some(call) => call.restart(Self::new(node)),
        }
    }
}

impl Coroutine for RestartWalk {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline(always)]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.at = match self.at {
                At::Start => match &self.node.left {
                    Some(left) => {
                        self.call(left);
                        At::Left
                    }
                    None => At::Key,
                },
                At::Left => {
                    if let Some(call) = &mut self.call {
                        yield_from!(call, sent)?;
                    }
                    At::Key
                }
                At::Key => {
                    self.at = At::Right;
                    match &self.node.right {
                        Some(right) => self.call(right),
                        None => self.call = None,
                    }
                    return Ok(Step::Yield(self.node.key));
                }
                At::Right => {
                    if let Some(call) = &mut self.call {
                        yield_from!(call, sent)?;
                    }
                    return Ok(Step::Return(()));
                }
            }
        }
    }
}

/// Calls a child that yields once, a million times, with a new `Call` each time.
struct Caller {
    called: u64,
    call: Call<Count>,
}

impl Caller {
    fn new() -> Self {
        Self { called: 1, call: Call::new(Count::to(1)) }
    }
}

impl Coroutine for Caller {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            yield_from!(self.call, sent)?;
            if self.called == MILLION {
                return Ok(Step::Return(()));
            }
            self.called += 1;
            self.call = Call::new(Count::to(1));
        }
    }
}

/// Calls a child that yields once, a million times, with one `Call` that is restarted.
struct Restarter(Caller);

impl Restarter {
    fn new() -> Self {
        Self(Caller::new())
    }
}

impl Coroutine for Restarter {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            yield_from!(self.0.call, sent)?;
            if self.0.called == MILLION {
                return Ok(Step::Return(()));
            }
            self.0.called += 1;
            self.0.call.restart(Count::to(1));
        }
    }
}

// ---- the bound: a stack of boxed frames, whose top is resumed directly

enum FrameStep {
    Yield(u64),
    Call(Box<dyn Frame>),
    Return,
}

trait Frame {
    fn step(&mut self) -> FrameStep;
}

struct Frames(Vec<Box<dyn Frame>>);

impl Frames {
    fn of(frame: impl Frame + 'static) -> Self {
        Self(vec![black_box(Box::new(frame))])
    }
}

impl Iterator for Frames {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        loop {
            match self.0.last_mut()?.step() {
                FrameStep::Yield(number) => return Some(number),
                FrameStep::Call(frame) => self.0.push(frame),
                FrameStep::Return => {
                    self.0.pop();
                }
            }
        }
    }
}

impl Frame for Count {
    fn step(&mut self) -> FrameStep {
        self.next().map_or(FrameStep::Return, FrameStep::Yield)
    }
}

enum NestedFrame {
    At(u32),
    Done,
}

impl Frame for NestedFrame {
    fn step(&mut self) -> FrameStep {
        match std::mem::replace(self, Self::Done) {
            Self::At(1) => FrameStep::Call(Box::new(Count::to(u64::MAX))),
            Self::At(depth) => FrameStep::Call(Box::new(Self::At(depth - 1))),
            Self::Done => FrameStep::Return,
        }
    }
}

struct WalkFrame {
    node: &'static Node,
    state: u8,
}

impl Frame for WalkFrame {
    fn step(&mut self) -> FrameStep {
        loop {
            self.state += 1;
            let child = match self.state {
                1 => &self.node.left,
                2 => return FrameStep::Yield(self.node.key),
                3 => &self.node.right,
                _ => return FrameStep::Return,
            };
            if let Some(node) = child {
                return FrameStep::Call(Box::new(Self { node, state: 0 }));
            }
        }
    }
}

struct CallerFrame {
    called: u64,
}

impl Frame for CallerFrame {
    fn step(&mut self) -> FrameStep {
        if self.called == MILLION {
            return FrameStep::Return;
        }
        self.called += 1;
        FrameStep::Call(Box::new(Count::to(1)))
    }
}
