//! Code shared by the example servers: starting, and reporting errors.

use std::fmt::{Arguments, Display};
use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use innermost::task::ErrorContext;
use innermost::{Exception, Transport};
use socket2::SockRef;

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
fn complain(message: Arguments<'_>) {
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

/// Whether reading would bring something: bytes, the end of the stream, or an error.
pub(crate) fn has_more(transport: &Transport) -> bool {
    transport.with_fd(|fd| {
        fd.is_some_and(|fd| match SockRef::from(&fd).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) => error.kind() != ErrorKind::WouldBlock,
            Ok(_) => true,
        })
    })
}
