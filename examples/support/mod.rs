//! Code shared by the example servers: starting, reporting errors, and stopping.

use std::cell::Cell;
use std::fmt::{Arguments, Display};
use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use innermost::signal::{SIGINT, SIGTERM};
use innermost::task::{CallbackResult, ErrorContext};
use innermost::{AnyTask, EventLoop, Exception, LoopHandle, Transport};
use socket2::SockRef;

/// How long a server waits before it tries to accept again after a failure, for example because no descriptor is free.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// How long connections may take to end when the server stops.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Argument number `index` of the command line.
pub(crate) fn argument(index: usize, default: &str) -> String {
    std::env::args_os().nth(index).map_or_else(|| default.into(), |argument| argument.to_string_lossy().into_owned())
}

/// The exit code of a program that has run. Prints the exception if it failed.
pub(crate) fn exit_code_of(program: impl Display, ran: Result<(), Exception>) -> ExitCode {
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{program}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line to standard error. Ignores failures, so that a closed standard error does not stop the program.
pub(crate) fn complain(message: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Prints a failure of a server in one line.
pub(crate) fn report(failure: ErrorContext) {
    match failure.exception {
        Some(raised) => complain(format_args!("{}: {raised}", failure.message)),
        None => complain(format_args!("{}", failure.message)),
    }
}

/// Prints where the server listens. Whoever reads this line may send a signal at once, so install signal handlers first.
pub(crate) fn announce(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<()> {
    addresses.into_iter().try_for_each(|address| writeln!(io::stdout(), "listening on {address}"))
}

/// Calls `stop` on each Ctrl-C and SIGTERM.
pub(crate) fn on_stop<R: CallbackResult>(
    event_loop: &LoopHandle,
    stop: impl Fn() -> R + Clone + 'static,
) -> Result<(), Exception> {
    [SIGINT, SIGTERM].into_iter().try_for_each(|signal| event_loop.add_signal_handler(signal, stop.clone()))
}

/// Reports the first failure to accept a connection, and no later one: the server tries again until it succeeds.
pub(crate) fn complain_once_about_accepting(event_loop: &EventLoop) {
    let has_complained = Cell::new(false);
    event_loop.set_exception_handler(move |context| match &context.exception {
        Some(error) if !has_complained.replace(true) => complain(format_args!("cannot accept, trying again: {error}")),
        _ => {}
    });
}

/// Whether reading would bring something: bytes, the end of the stream, or an error.
pub(crate) fn has_more(transport: &Transport) -> bool {
    transport.with_fd(|fd| {
        fd.is_some_and(|fd| match SockRef::from(&fd).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) => error.kind() != ErrorKind::WouldBlock,
            Ok(_) => true,
        })
    })
}

// ---- Servers that are machines: the server is the oldest task, and each connection is another task --------------------

/// Cancels the server. The server cancels its connections in its next step. This function must not do it: a connection that
/// was accepted in this turn has not started yet, and a task that is cancelled before it starts never runs.
pub(crate) fn cancel_server() {
    if let Ok(event_loop) = EventLoop::running()
        && let Some(server) = event_loop.all_tasks().first()
    {
        server.cancel();
    }
}

/// Cancels all connections. Called by the server. Returns the tasks of the connections.
pub(crate) fn cancel_connections() -> Result<Vec<AnyTask>, Exception> {
    let event_loop = EventLoop::running()?;
    let mut tasks = event_loop.all_tasks();
    if let Some(server) = event_loop.current_task() {
        tasks.retain(|task| !task.is(&server));
    }
    for connection in &tasks {
        connection.cancel();
    }
    Ok(tasks)
}
