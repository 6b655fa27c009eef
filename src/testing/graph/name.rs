//! The names of machines and states, as a graph shows them.

use core::fmt::{self, Write};

use crate::coroutine::State;

/// A machine and the state that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Frame {
    pub(in super::super) machine: String,
    pub(in super::super) state: String,
}

/// Reads a machine and its children, outermost first.
pub(in super::super) fn frames(state: &State<'_>) -> Vec<Frame> {
    let chain = core::iter::successors(Some(state), |outer| outer.child()).take(DEEPEST);
    chain.map(|state| frame(state.name(), state.state())).collect()
}

fn frame(machine: &str, state: Option<&dyn fmt::Debug>) -> Frame {
    let machine = machine_name(machine);
    let state = state.map(state_name).filter(|name| is_name(name)).unwrap_or_else(|| machine.clone());
    Frame { machine, state }
}

/// `a::b::Machine<c::D>` as `Machine`.
pub(super) fn machine_name(full: &str) -> String {
    let alone = full.split('<').next().filter(|name| !name.is_empty()).unwrap_or(full);
    let short = alone.rsplit("::").next().unwrap_or(alone);
    short.trim_matches(|c| "{}& ".contains(c)).to_owned()
}

/// The `Debug` form up to the first character that cannot stand in an identifier. What stands before the first identifier,
/// such as a quote, is skipped.
fn state_name(state: &dyn fmt::Debug) -> String {
    let mut name = Beginning::default();
    // It fails on purpose, so that nothing is formatted that is not needed.
    let _stopped = write!(name, "{state:?}");
    name.0
}

/// Whether it names a state. A number with a unit does not: `1s` is how long a child sleeps.
fn is_name(name: &str) -> bool {
    let begins_as_number = name.starts_with(|c: char| c.is_ascii_digit());
    !name.is_empty() && (!begins_as_number || name.chars().all(|c| c.is_ascii_digit()))
}

/// Takes the first identifier of what is written.
#[derive(Default)]
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            // A number keeps its point, so that `1.5s` is known as one with a unit.
            let is_point = c == '.' && self.0.starts_with(|first: char| first.is_ascii_digit());
            match c.is_alphanumeric() || c == '_' || is_point {
                true => self.0.push(c),
                false if self.0.is_empty() => {}
                false => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}

/// How many machines inside each other are read at most. A chain of machines may have any length.
pub(super) const DEEPEST: usize = 8;

#[test]
fn a_state_is_named_by_its_first_identifier() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "they are printed")]
    enum Phase {
        Idle,
        Reading { left: u32 },
        Writing(&'static str),
        Größe(u8),
    }
    let states: [&dyn fmt::Debug; 4] =
        [&Phase::Idle, &Phase::Reading { left: 1 }, &Phase::Writing("x"), &Phase::Größe(1)];
    assert_eq!(states.map(state_name), ["Idle", "Reading", "Writing", "Größe"]);
    assert_eq!([&"a quote" as &dyn fmt::Debug, &3, &Some(4), &(), &-5].map(state_name), ["a", "3", "Some", "", "5"]);
    let unnamed = std::time::Duration::from_millis(1500);
    assert_eq!(frame("sleep", Some(&unnamed)), Frame { machine: "sleep".into(), state: "sleep".into() });
    assert_eq!(frame("sleep", Some(&std::time::Duration::from_secs(2))).state, "sleep");
    assert_eq!(frame("a::Client<b::C>", None), Frame { machine: "Client".into(), state: "Client".into() });
}

#[test]
fn a_machine_is_named_without_paths_and_parameters() {
    let names = ["Echo", "a::b::Echo<c::Stream>", "Lock.acquire", "a::f::{{closure}}", "<A as B>::C", "&mut a::B"];
    assert_eq!(names.map(machine_name), ["Echo", "Echo", "Lock.acquire", "closure", "C", "B"]);
}
