//! The selectors of this machine.

use innermost::selector::{Selector, poll_selector};

/// All selectors, with their names.
pub(crate) fn every_selector() -> Vec<(&'static str, Box<dyn Selector>)> {
    vec![
        #[cfg(any(target_os = "linux", target_os = "android"))]
        ("epoll", innermost::selector::epoll_selector().expect("a descriptor is free")),
        #[cfg(any(
            target_vendor = "apple",
            target_os = "freebsd",
            target_os = "netbsd",
            target_os = "openbsd",
            target_os = "dragonfly"
        ))]
        ("kqueue", innermost::selector::kqueue_selector().expect("a descriptor is free")),
        ("poll", poll_selector().expect("it needs nothing")),
    ]
}

/// Runs a test with every selector. Prints the name of the selector before each run.
pub(crate) fn with_every_selector(mut test: impl FnMut(&mut dyn Selector)) {
    for (name, mut selector) in every_selector() {
        println!("with {name}");
        test(&mut *selector);
    }
}
