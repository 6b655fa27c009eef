//! The names of callbacks, from the types of their closures.

/// What tells somebody that a future is done: a `run_until_complete`, a `gather`, a `wait`.
pub(super) const NOTICE: &str = "a notice that a future is done";

/// The callbacks of this crate, by the beginning of their path. The first that fits counts.
const OWN: &[(&str, &str)] = &[
    ("task::shared::call_notice", NOTICE),
    ("task::shared", "a done callback"),
    ("task::future::Open", "a timer"),
    ("task::branch", "a branch of a race"),
    ("task::any_of", "a race"),
    ("wait::timeout", "a timeout"),
    ("wait::several", "the timeout of wait"),
    ("wait::as_completed", "the timeout of as_completed"),
    ("event_loop::remote", "calls from other threads"),
    ("event_loop::threads", "a link to another thread"),
    ("event_loop::io", "the watcher of a descriptor"),
    ("event_loop::signals", "a signal handler"),
    ("async_iter", "the end of an async generator"),
    ("process", "a subprocess"),
    ("transport::datagram", "a datagram endpoint"),
    ("transport::server", "a listener"),
    ("transport", "a connection"),
    ("stream", "a stream"),
    ("server", "a server"),
    ("testing::channel", "a delivery in memory"),
    ("testing::explore::threads", "a function in a thread"),
    ("testing", "the simulation"),
];

/// What a story calls a callback whose closure, or other type, has that name.
pub(super) fn of_callback(type_name: &str) -> String {
    let path = without_parameters(type_name);
    let names: Vec<_> = path.split("::").filter(|name| !name.is_empty() && *name != "{{closure}}").collect();
    if let ["innermost", own @ ..] = &*names {
        let own = own.join("::");
        let known = OWN.iter().find(|(beginning, _)| own.starts_with(beginning));
        return known.map_or_else(|| format!("a callback of {own}"), |(_, name)| (*name).to_owned());
    }
    let is_method = |before: &&&str| before.starts_with(char::is_uppercase);
    let name = match &*names {
        [.., owner, method] if is_method(&owner) => format!("{owner}::{method}"),
        [.., last] => (*last).to_owned(),
        [] => type_name.to_owned(),
    };
    if path.contains("{{closure}}") { format!("a callback of {name}") } else { name }
}

/// `a::B<c::D>::e` as `a::B::e`, and `<a::B as c::D>::e` as `a::B::e`.
fn without_parameters(type_name: &str) -> String {
    let type_name = match type_name.strip_prefix('<').and_then(|rest| rest.split_once(" as ")) {
        Some((own, rest)) if !own.contains('>') => {
            let method = rest.split_once(">::").map_or("", |(_, method)| method);
            &*format!("{own}::{method}")
        }
        _ => type_name,
    };
    let mut depth = 0_usize;
    let kept = type_name.chars().filter(|c| {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    });
    kept.collect()
}

#[test]
fn a_callback_is_named_after_the_function_that_made_it() {
    let names = [
        "chat::serve::{{closure}}",
        "chat::Room<chat::User>::join::{{closure}}::{{closure}}",
        "chat::tick",
        "chat::room::<impl chat::Room>::leave::{{closure}}",
        "<chat::Room as chat::Place>::enter::{{closure}}",
    ];
    let expected =
        ["a callback of serve", "a callback of Room::join", "tick", "a callback of leave", "a callback of Room::enter"];
    assert_eq!(names.map(of_callback), expected);
}

#[test]
fn a_callback_of_this_crate_is_named_by_what_it_is() {
    let names = [
        "innermost::task::shared::call_notice<innermost::task::any_future::AnyFuture>::{{closure}}",
        "innermost::task::shared::Shared<()>::queue::{{closure}}",
        "innermost::task::future::Open<()>",
        "innermost::wait::timeout::TimeoutScope::reschedule::{{closure}}",
    ];
    assert_eq!(names.map(of_callback), [NOTICE, "a done callback", "a timer", "a timeout"]);
}
