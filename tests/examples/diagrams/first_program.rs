use std::process::ExitCode;

use innermost::async_iter::AsyncIterator;
use innermost::{
    Buffer, ByteRead, ByteWrite, Exception, Machine, TcpListener, TcpStream, exit_code, machine, ready, run, spawn,
    yield_from,
};

/// One connection.
struct Echo {
    stream: TcpStream,
    buffer: Buffer, // bytes that were read and not yet written
}

machine!(
    impl Machine for Echo {
        type State = Phase;

        fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
            match yield_from!(self.stream.read(&mut self.buffer), sent)? {
                0 => end(()),
                _ => to(Writing),
            }
        }

        fn Writing(&mut self, sent: Sent) -> Next<Reading> {
            yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
            to(Reading)
        }
    }
);

fn main() -> ExitCode {
    exit_code(serve()) // 130 after Ctrl-C, 1 after an error
}

/// Starts a task for each connection, until Ctrl-C.
fn serve() -> Result<(), Exception> {
    let listener = TcpListener::bind(([127, 0, 0, 1], 7007).into())?;
    run(listener.incoming().for_each(|(stream, _peer)| {
        let echo = Echo { stream, buffer: Buffer::new() };
        spawn(echo.start(Phase::Reading)).map(|_task| ready(()))
    }))
}
