//! Delegation behaves like plain recursion, however the children are held.
//!
//! A random tree of machines is compared with a model: a function that calls itself where a machine delegates, and takes its
//! input from a list where a machine yields. Both log yields, sent values, raised and caught exceptions, and return values,
//! each with its machine. The logs must be equal. A machine holds its children in random ways: inline, as a frame of the
//! driver, behind a `dyn` pointer, or as a generator of their own. The model does not know which.

use std::io;
use std::rc::Rc;

use innermost::{Exception, Generator, Stop};
use quickcheck::{QuickCheck, Testable};

use crate::delegation_trees::{Event, Input, Machine, Model, Plan, Raised, Seen};

/// A tree of machines in a generator.
struct Driven {
    seen: Rc<Seen>,
    generator: Generator<Machine>,
}

impl Driven {
    fn new(plan: &Plan) -> Self {
        let seen = Rc::new(Seen::default());
        let generator = Generator::new(Machine::new(&seen, plan));
        Self { seen, generator }
    }

    /// Runs to the first yield, sends each input, and shows the generator at each yield. Returns the outcome if it ended.
    fn run(
        &mut self,
        inputs: &[Input],
        mut at_yield: impl FnMut(&Generator<Machine>),
    ) -> Option<Result<i64, Exception>> {
        let mut resumed = self.generator.next();
        for input in inputs.iter().map(Some).chain([None]) {
            match resumed {
                Ok((name, at)) => self.seen.events.borrow_mut().push(Event::Yielded(name, at)),
                Err(Stop::Returned(returned)) => return Some(Ok(returned)),
                Err(Stop::Raised(raised)) => return Some(Err(raised)),
                Err(Stop::Exhausted) => unreachable!("it is not resumed again once it has ended"),
            }
            at_yield(&self.generator);
            resumed = match input? {
                Input::Send(value) => self.generator.send(*value),
                Input::Throw => self.generator.throw(io::Error::other("thrown")),
            };
        }
        None
    }

    fn alive(&self) -> usize {
        self.seen.alive.get()
    }
}

fn as_in_model(outcome: Result<i64, Exception>) -> Result<i64, Raised> {
    outcome.map_err(|raised| Raised::from(&raised))
}

fn for_random_trees(property: impl Testable) {
    QuickCheck::new().tests(1000).quickcheck(property);
}

#[test]
fn a_tree_that_runs_to_its_end_agrees_with_recursion() {
    fn property(plan: Plan, sent: i64) -> bool {
        let inputs: Vec<_> = (0..10_000).map(|n| Input::Send(sent.wrapping_add(n))).collect();
        let (model, outcome) = Model::run(&plan, &inputs);
        let mut driven = Driven::new(&plan);
        let came = driven.run(&inputs, |_| ()).expect("inputs for every yield");
        as_in_model(came) == outcome && *driven.seen.events.borrow() == model.events && driven.alive() == 0
    }
    for_random_trees(property as fn(Plan, i64) -> bool);
}

#[test]
fn a_tree_thrown_into_and_dropped_half_way_agrees_with_recursion() {
    fn property(plan: Plan, inputs: Vec<Input>) -> bool {
        let (model, outcome) = Model::run(&plan, &inputs);
        let mut driven = Driven::new(&plan);
        let came = driven.run(&inputs, |_| ()).map_or(Err(Raised::Exit), as_in_model);
        let left = driven.alive();
        drop(driven.generator);
        came == outcome
            && *driven.seen.events.borrow() == model.events
            && (left == 0) == (outcome != Err(Raised::Exit))
            && driven.seen.alive.get() == 0
    }
    for_random_trees(property as fn(Plan, Vec<Input>) -> bool);
}

#[test]
fn a_tree_closed_half_way_agrees_with_recursion() {
    fn property(plan: Plan, inputs: Vec<Input>) -> bool {
        let (model, _) = Model::run(&plan, &inputs);
        let mut driven = Driven::new(&plan);
        driven.run(&inputs, |_| ());
        let closed = driven.generator.close();
        matches!(closed, Ok(None)) && *driven.seen.events.borrow() == model.events && driven.alive() == 0
    }
    for_random_trees(property as fn(Plan, Vec<Input>) -> bool);
}

#[test]
fn a_throw_at_any_yield_reaches_the_innermost_first_and_leaks_nothing() {
    fn property(plan: Plan) -> bool {
        let plan = plan.without_catching();
        let sends = vec![Input::Send(1); 10_000];
        let yields = Model::run(&plan, &sends).0.stacks;
        yields.iter().enumerate().all(|(at, stack)| {
            let mut driven = Driven::new(&plan);
            driven.run(&sends[..at], |_| ());
            driven.seen.events.borrow_mut().clear();
            let thrown = driven.generator.throw(io::Error::other("thrown"));
            let innermost_first: Vec<_> =
                stack.iter().rev().map(|name| Event::Raised(Rc::clone(name), Raised::Thrown)).collect();
            matches!(thrown, Err(Stop::Raised(raised)) if raised.to_string() == "thrown")
                && *driven.seen.events.borrow() == innermost_first
                && driven.alive() == 0
        })
    }
    for_random_trees(property as fn(Plan) -> bool);
}

#[test]
fn the_stack_trace_shows_the_chain_of_delegation_at_every_yield() {
    fn property(plan: Plan, inputs: Vec<Input>) -> bool {
        // A generator has a stack trace of its own.
        let plan = plan.without_generators();
        let (model, _) = Model::run(&plan, &inputs);
        let mut stacks = Vec::new();
        Driven::new(&plan).run(&inputs, |generator| {
            let trace = generator.stack_trace();
            let machines = trace.frames().iter().flat_map(|frame| frame.split(" > "));
            // A `Call` behind a `dyn` pointer appears beside its own frame.
            stacks.push(machines.filter(|name| !name.starts_with("Call<")).map(str::to_owned).collect::<Vec<_>>());
        });
        let expected = model.stacks.iter().map(|stack| stack.iter().map(|name| format!("machine: {name:?}")).collect());
        stacks == expected.collect::<Vec<Vec<_>>>()
    }
    for_random_trees(property as fn(Plan, Vec<Input>) -> bool);
}
