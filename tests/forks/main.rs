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
    ("a_child_that_drops_sockets_keeps_the_parents_registrations", inherited::sockets),
    ("a_child_that_drops_transports_keeps_the_parents_registrations", inherited::transports),
    ("a_child_that_drops_watched_descriptors_keeps_the_parents_callbacks", inherited::watched),
    ("a_child_that_closes_the_loop_does_not_close_the_parents", inherited::closed_loop),
    ("a_child_that_drops_a_server_does_not_remove_its_socket_file", inherited::socket_file),
    ("a_child_that_drops_a_runner_does_not_affect_the_parent", inherited::runner),
    ("a_child_that_ends_a_pipe_does_not_end_the_parents", inherited::ended_pipe),
    ("a_parent_can_register_a_descriptor_again_while_a_child_holds_it", inherited::dropped_by_the_parent),
    ("a_child_that_drops_a_process_leaves_it_to_the_parent", inherited::child_process),
    ("an_inherited_loop_cannot_be_used", own::inherited_loop_cannot_be_used),
    ("a_childs_call_to_the_parents_loop_is_refused_and_wakes_nothing", own::remote_is_refused),
    ("a_child_forked_in_a_callback_finds_no_running_loop_and_runs_its_own", own::forked_in_a_callback),
    ("a_child_does_not_inherit_the_current_loop", own::no_current_loop),
    ("a_child_that_returns_from_the_callback_gets_an_error_after_the_turn", own::returns_from_the_callback),
    ("a_child_can_use_a_watched_socket_after_into_std", own::socket_after_into_std),
    ("a_child_serves_on_an_inherited_listener_beside_its_parent", own::serves_on_an_inherited_listener),
    ("a_child_does_not_wait_for_the_parents_threads", own::thread_pools),
    ("waiting_for_a_future_of_the_parents_threads_fails_in_a_child", own::futures_of_threads),
    ("a_grandchild_is_distinct_from_both", own::grandchild),
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
