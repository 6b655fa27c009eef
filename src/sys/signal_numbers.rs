//! The numbers of signals by name. They differ from system to system.

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub const $name: i32 = libc::$name;
    )*};
}

numbers! {
    /// The program called `abort`.
    SIGABRT
    /// A timer set by `alarm` has expired.
    SIGALRM
    /// A child process has stopped or ended.
    SIGCHLD
    /// The process continues after it was stopped.
    SIGCONT
    /// The terminal was closed. Many servers read their configuration again.
    SIGHUP
    /// Ctrl-C.
    SIGINT
    /// Ends a process at once. It cannot be handled.
    SIGKILL
    /// A write to a pipe or a socket that nobody reads. Rust programs ignore this signal, and the write fails instead.
    SIGPIPE
    /// Ctrl-\\.
    SIGQUIT
    /// A request to end, as sent by `kill` and by service managers.
    SIGTERM
    /// Ctrl-Z.
    SIGTSTP
    /// For the program's own use.
    SIGUSR1
    /// For the program's own use.
    SIGUSR2
    /// The size of the terminal has changed.
    SIGWINCH
}

/// The numbers of real-time signals: the first, and the last.
macro_rules! real_time {
    ($($target:literal)* : $first:expr, $last:expr) => {
        /// Returns the first real-time signal that programs may use. The C library may reserve some for itself, so the
        /// number is known only when the program runs. Real-time signals are queued: a handler is called as often as
        /// the signal was sent.
        #[cfg(any($(target_os = $target),*))]
        #[expect(non_snake_case, reason = "its name in C")]
        pub fn SIGRTMIN() -> i32 {
            $first
        }

        /// Returns the last real-time signal.
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
