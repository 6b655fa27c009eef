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
