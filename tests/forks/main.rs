//! Forked children. A child may drop what it inherits, and can make a loop of its own. The parent is not affected.
//!
//! A fork copies only the thread that calls it, so this program has a single thread: there is no harness, and `main`
//! calls the tests one by one. A child sends its results to the parent through a pipe.
//!
//! Each test runs with every selector. Nothing sleeps: a parent reads from the pipe until its child has ended.

#![cfg_attr(not(unix), allow(unused))]

mod children;
mod inherited;
mod own;
#[path = "../support/mod.rs"]
mod support;

use crate::support::interfaces;

use innermost::EventLoop;
use innermost::selector::MonotonicClock;

type Test = fn(&dyn Fn() -> EventLoop);

const TESTS: &[(&str, Test)] = &[
    ("a_child_that_drops_sockets_leaves_the_parent_its_registrations", inherited::sockets),
    ("a_child_that_drops_transports_leaves_the_parent_its_registrations", inherited::transports),
    ("a_child_that_drops_watched_descriptors_leaves_the_parent_its_callbacks", inherited::watched),
    ("a_child_that_closes_the_loop_leaves_the_parents_open", inherited::closed_loop),
    ("a_child_that_drops_a_server_leaves_its_socket_file_there", inherited::socket_file),
    ("a_child_that_drops_a_runner_ends_nothing_of_the_parents", inherited::runner),
    ("a_child_that_ends_a_pipe_leaves_the_parents_open", inherited::ended_pipe),
    ("a_parent_that_drops_what_its_child_has_too_can_register_it_again", inherited::dropped_by_the_parent),
    ("an_inherited_loop_cannot_be_used", own::inherited_loop_cannot_be_used),
    ("a_child_that_sends_to_the_parents_loop_is_refused_and_wakes_nobody", own::remote_is_refused),
    ("a_child_forked_in_a_callback_finds_no_running_loop_and_runs_its_own", own::forked_in_a_callback),
    ("a_child_has_no_current_loop_of_its_parents", own::no_current_loop),
    ("a_child_that_returns_from_the_callback_gets_an_error_at_the_end_of_the_turn", own::returns_from_the_callback),
    ("a_socket_that_the_parent_watches_is_a_childs_after_into_std", own::socket_after_into_std),
    ("a_child_serves_on_an_inherited_listener_beside_its_parent", own::serves_on_an_inherited_listener),
    ("a_child_is_not_held_up_by_threads_that_it_does_not_have", own::thread_pools),
    ("a_child_is_told_that_nobody_completes_a_future_of_its_parents_threads", own::futures_of_threads),
    ("a_child_of_a_child_is_neither", own::grandchild),
];

fn main() {
    let (flags, filters): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let is_wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    for (name, test) in TESTS.iter().filter(|(name, _)| is_wanted(name)) {
        if flags.iter().any(|flag| flag == "--list") {
            println!("{name}: test");
            continue;
        }
        for (index, (selector, _)) in interfaces::every_selector().iter().enumerate() {
            println!("test {name}, with {selector} ...");
            // The first test that fails panics, which ends the program.
            test(&move || {
                let (_, selector) = interfaces::every_selector().swap_remove(index);
                let event_loop = EventLoop::with(selector, Box::new(MonotonicClock::new()));
                let event_loop = event_loop.expect("a descriptor is free");
                // A child that drops it ends its tasks, and hears of that.
                event_loop.set_exception_handler(|context| assert!(context.exception.is_none(), "{context:?}"));
                event_loop
            });
        }
        println!("test {name} ... ok");
    }
}
