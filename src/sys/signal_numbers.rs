//! The numbers of signals, which differ from system to system.

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub const $name: i32 = libc::$name;
    )*};
}

numbers! {
    /// `abort` was called.
    SIGABRT
    /// A timer of `alarm` is due.
    SIGALRM
    /// A child process has stopped or ended.
    SIGCHLD
    /// The process goes on after it was stopped.
    SIGCONT
    /// The terminal is gone; to many servers, to read their configuration again.
    SIGHUP
    /// Ctrl-C.
    SIGINT
    /// A write into a pipe or a socket that nobody reads: Rust ignores it, and the write fails.
    SIGPIPE
    /// Ctrl-\\.
    SIGQUIT
    /// To end: what `kill` and service managers send.
    SIGTERM
    /// Ctrl-Z.
    SIGTSTP
    /// What the program takes it for.
    SIGUSR1
    /// What the program takes it for.
    SIGUSR2
    /// The terminal has another size.
    SIGWINCH
}

/// The numbers of real-time signals: the first, and the last.
macro_rules! real_time {
    ($($target:literal)* : $first:expr, $last:expr) => {
        /// The first real-time signal that programs may use. The C library may keep some for itself, so that it tells only
        /// when the program runs. Such signals are queued: a handler is called as often as the signal has come.
        #[cfg(any($(target_os = $target),*))]
        #[expect(non_snake_case, reason = "its name in C")]
        pub fn SIGRTMIN() -> i32 {
            $first
        }

        /// The last real-time signal.
        #[cfg(any($(target_os = $target),*))]
        #[expect(non_snake_case, reason = "its name in C")]
        pub fn SIGRTMAX() -> i32 {
            $last
        }
    };
}

real_time!("linux" "android": libc::SIGRTMIN(), libc::SIGRTMAX());
// From `sys/signal.h`: `libc` does not have them.
real_time!("freebsd": 65, 126);
real_time!("netbsd": 33, 63);
