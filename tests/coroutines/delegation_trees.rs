//! Random trees of delegation, run by a recursive model and by machines that hold their children in every possible way.
//!
//! A [`Plan`] has the actions of a machine: yield, delegate, catch an exception. [`Model`] runs it as a recursive function,
//! and [`Machine`] as a coroutine. Both log [`Event`]s.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use innermost::{Call, Coroutine, Exception, Generator, Resumed, State, Step, yield_from};
use quickcheck::{Arbitrary, Gen};

/// The acts of a machine, in order. The machine returns a number made from all values that it has received.
#[derive(Clone, Debug)]
pub(crate) struct Plan(Vec<Act>);

#[derive(Clone, Debug)]
struct Act {
    does: Does,
    /// Whether the machine catches exceptions here.
    catches: bool,
}

#[derive(Clone, Debug)]
enum Does {
    Yield,
    Delegate(Held, Plan),
}

/// How a machine holds a child.
#[derive(Clone, Copy, Debug)]
enum Held {
    Inline,
    Frame,
    Boxed,
    BoxedInFrame,
    FrameInBox,
    Generator,
}

/// The input at a yield. After the last input, the machines are closed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    Send(i64),
    Throw,
}

/// A machine's name: its place in the tree, as the indices of the acts that lead there.
pub(crate) type Name = Rc<[usize]>;

/// An event, and the machine that sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The driver sees that this machine has yielded in the act with this number.
    Yielded(Name, usize),
    Got(Name, i64),
    Caught(Name),
    Raised(Name, Raised),
}

/// An exception raised in a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raised {
    Thrown,
    Exit,
}

impl From<&Exception> for Raised {
    fn from(exception: &Exception) -> Self {
        if exception.is_generator_exit() { Self::Exit } else { Self::Thrown }
    }
}

impl From<&Self> for Raised {
    fn from(raised: &Self) -> Self {
        *raised
    }
}

/// Logs the outcome of an act. Returns its value, unless it raises.
fn settle<E>(events: &mut Vec<Event>, name: &Name, catches: bool, outcome: Result<i64, E>) -> Result<i64, E>
where
    for<'a> Raised: From<&'a E>,
{
    let name = Rc::clone(name);
    match outcome.as_ref().map_err(Raised::from) {
        Ok(value) => events.push(Event::Got(name, *value)),
        Err(Raised::Thrown) if catches => {
            events.push(Event::Caught(name));
            return Ok(-1);
        }
        Err(raised) => events.push(Event::Raised(name, raised)),
    }
    outcome
}

fn mix(total: i64, value: i64) -> i64 {
    total.wrapping_mul(31).wrapping_add(value)
}

fn name_of_child(name: &Name, at: usize) -> Name {
    name.iter().copied().chain([at]).collect()
}

/// Runs a plan by recursion.
pub(crate) struct Model<'a> {
    inputs: std::slice::Iter<'a, Input>,
    stack: Vec<Name>,
    pub(crate) events: Vec<Event>,
    /// The machines that delegate to one another at each yield, outermost first.
    pub(crate) stacks: Vec<Vec<Name>>,
}

impl<'a> Model<'a> {
    /// What is seen, and what comes out: a number, what was thrown, or an exit where a yield was left without an input.
    pub(crate) fn run(plan: &Plan, inputs: &'a [Input]) -> (Self, Result<i64, Raised>) {
        let mut model = Self { inputs: inputs.iter(), stack: Vec::new(), events: Vec::new(), stacks: Vec::new() };
        let outcome = model.call(plan, [].into());
        (model, outcome)
    }

    fn call(&mut self, plan: &Plan, name: Name) -> Result<i64, Raised> {
        self.stack.push(Rc::clone(&name));
        let acts = plan.0.iter().enumerate();
        let outcome = acts.map(|(at, act)| self.act(act, &name, at)).try_fold(0, |total, value| Ok(mix(total, value?)));
        self.stack.pop();
        outcome
    }

    fn act(&mut self, act: &Act, name: &Name, at: usize) -> Result<i64, Raised> {
        let outcome = match &act.does {
            Does::Yield => self.suspend(name, at),
            Does::Delegate(_, plan) => self.call(plan, name_of_child(name, at)),
        };
        settle(&mut self.events, name, act.catches, outcome)
    }

    fn suspend(&mut self, name: &Name, at: usize) -> Result<i64, Raised> {
        self.events.push(Event::Yielded(Rc::clone(name), at));
        self.stacks.push(self.stack.clone());
        match self.inputs.next() {
            Some(Input::Send(value)) => Ok(*value),
            Some(Input::Throw) => Err(Raised::Thrown),
            None => Err(Raised::Exit),
        }
    }
}

/// Runs a plan as a coroutine; yields its name and the number of the act.
pub(crate) struct Machine {
    seen: Rc<Seen>,
    name: Name,
    plan: Plan,
    next: usize,
    total: i64,
    at: At,
}

/// The state that the machines of a tree share.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) events: RefCell<Vec<Event>>,
    /// How many machines there are that have not been dropped.
    pub(crate) alive: Cell<usize>,
}

/// Where a machine is suspended.
enum At {
    /// Between two acts: before the first one, or while it runs.
    Act,
    Yield,
    Child(Child),
}

enum Child {
    Inline(Box<Machine>),
    Frame(Call<Machine>),
    Boxed(Box<DynMachine>),
    BoxedInFrame(Call<Box<DynMachine>>),
    Generator(Box<Generator<Machine>>),
}

type DynMachine = dyn Coroutine<Yield = (Name, usize), Input = i64, Return = i64>;

impl Machine {
    pub(crate) fn new(seen: &Rc<Seen>, plan: &Plan) -> Self {
        Self::named([].into(), seen, plan)
    }

    fn named(name: Name, seen: &Rc<Seen>, plan: &Plan) -> Self {
        seen.alive.set(seen.alive.get() + 1);
        Self { seen: Rc::clone(seen), name, plan: plan.clone(), next: 0, total: 0, at: At::Act }
    }

    fn child(&self, held: Held, plan: &Plan) -> Child {
        let machine = Self::named(name_of_child(&self.name, self.next), &self.seen, plan);
        match held {
            Held::Inline => Child::Inline(Box::new(machine)),
            Held::Frame => Child::Frame(Call::new(machine)),
            Held::Boxed => Child::Boxed(Box::new(machine)),
            Held::BoxedInFrame => Child::BoxedInFrame(Call::new(Box::new(machine))),
            Held::FrameInBox => Child::Boxed(Box::new(Call::new(machine))),
            Held::Generator => Child::Generator(Box::new(Generator::new(machine))),
        }
    }
}

impl Coroutine for Machine {
    type Yield = (Name, usize);
    type Input = i64;
    type Return = i64;

    fn resume(&mut self, mut sent: Result<i64, Exception>) -> Resumed<Self> {
        while let Some(act) = self.plan.0.get(self.next) {
            let outcome = match &mut self.at {
                At::Act => match &act.does {
                    Does::Yield => {
                        self.at = At::Yield;
                        return Ok(Step::Yield((Rc::clone(&self.name), self.next)));
                    }
                    Does::Delegate(held, plan) => {
                        self.at = At::Child(self.child(*held, plan));
                        continue;
                    }
                },
                At::Yield => mem::replace(&mut sent, Ok(0)),
                At::Child(Child::Inline(child)) => yield_from!(child, sent),
                At::Child(Child::Frame(child)) => yield_from!(child, sent),
                At::Child(Child::Boxed(child)) => yield_from!(child, sent),
                At::Child(Child::BoxedInFrame(child)) => yield_from!(child, sent),
                At::Child(Child::Generator(child)) => yield_from!(child, sent),
            };
            let value = settle(&mut self.seen.events.borrow_mut(), &self.name, act.catches, outcome)?;
            self.total = mix(self.total, value);
            self.next += 1;
            self.at = At::Act;
        }
        Ok(Step::Return(self.total))
    }

    fn state(&self) -> State<'_> {
        let state = State::new("machine", &self.name);
        match &self.at {
            At::Child(Child::Inline(child)) => state.delegating_to(child.state()),
            At::Child(Child::Boxed(child)) => state.delegating_to(child.state()),
            _ => state,
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.seen.alive.set(self.seen.alive.get() - 1);
    }
}

impl Plan {
    fn grow(g: &mut Gen, deeper: usize) -> Self {
        let acts = usize::arbitrary(g) % 4 + usize::from(deeper == DEPTH);
        Self((0..acts).map(|_| Act::grow(g, deeper)).collect())
    }

    /// The same, but nobody catches what is thrown.
    pub(crate) fn without_catching(self) -> Self {
        self.map(&|act| Act { catches: false, ..act })
    }

    /// The same, but a generator that was to be held inline is a machine held inline.
    pub(crate) fn without_generators(self) -> Self {
        self.map(&|act| match act.does {
            Does::Delegate(Held::Generator, plan) => Act { does: Does::Delegate(Held::Inline, plan), ..act },
            _ => act,
        })
    }

    fn map(self, f: &impl Fn(Act) -> Act) -> Self {
        let deep = |act: Act| match act.does {
            Does::Delegate(held, plan) => Act { does: Does::Delegate(held, plan.map(f)), ..act },
            Does::Yield => act,
        };
        Self(self.0.into_iter().map(|act| f(deep(act))).collect())
    }
}

impl Act {
    fn grow(g: &mut Gen, deeper: usize) -> Self {
        let held = [Held::Inline, Held::Frame, Held::Boxed, Held::BoxedInFrame, Held::FrameInBox, Held::Generator];
        let held = *g.choose(&held).expect("there are some");
        let yields = deeper == 0 || u8::arbitrary(g) < 80;
        let does = if yields { Does::Yield } else { Does::Delegate(held, Plan::grow(g, deeper - 1)) };
        Self { does, catches: u8::arbitrary(g) < 80 }
    }
}

const DEPTH: usize = 6;

impl Arbitrary for Plan {
    fn arbitrary(g: &mut Gen) -> Self {
        Self::grow(g, DEPTH)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        Self::grow(g, DEPTH)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let catches = self.catches;
        match self.does.clone() {
            Does::Yield => Box::new(catches.shrink().map(|catches| Self { does: Does::Yield, catches })),
            Does::Delegate(held, plan) => {
                let smaller = plan.shrink().map(move |plan| Does::Delegate(held, plan));
                Box::new([Does::Yield].into_iter().chain(smaller).map(move |does| Self { does, catches }))
            }
        }
    }
}

impl Arbitrary for Input {
    fn arbitrary(g: &mut Gen) -> Self {
        if u8::arbitrary(g) < 60 { Self::Throw } else { Self::Send(i64::arbitrary(g)) }
    }
}
