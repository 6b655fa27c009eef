//! A chat room over lines of text, for a thousand members at once: whoever connects gives a name, and what one says all
//! others hear.
//!
//! ```text
//! cargo run --release --example chat_room [ADDR [SECONDS]]      (127.0.0.1:7008; port 0 picks a free one)
//! nc 127.0.0.1 7008                                             (in two terminals: give a name, type something)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`   | the server, and how it stops |
//! | `member.rs` | a member: a machine that reads what it says, beside one that writes what it hears |
//! | `lines.rs`  | lines of a limited length, out of a stream |
//! | `room.rs`   | who is there, what they are called, who is told what |
//!
//! A member is a task group. Its body reads, its one task writes what is in the member's outbox; whichever way the body
//! ends, the group waits for the writer, and where one is cancelled the other is as well. Nobody waits for a member that
//! does not read: its outbox is bounded, and who lets it fill up is dropped.
//!
//! Who gives no name within a minute, or so many seconds, is dropped as well.
//!
//! Ctrl-C and SIGTERM stop it: nobody new is let in, everybody is told, and it exits with 0 when all have closed. A
//! second one, or five seconds, cut that short.

mod lines;
mod member;
mod room;

use std::cell::Cell;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use innermost::signal::{SIGINT, SIGTERM};
use innermost::{EventLoop, Exception, Server, StreamReader, StreamWriter, task_group};

use self::member::Member;
use self::room::Room;

/// How long accepting pauses when it fails: no descriptor is free, or the like.
const PAUSE: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7008".into());
    let patience = arguments.next().unwrap_or_else(|| "60".into());
    match run(&address, &patience) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("chat_room {address} {patience}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(address: &str, patience: &str) -> Result<(), Exception> {
    let address = address.parse::<SocketAddr>()?;
    let patience = Duration::from_secs(patience.parse()?);
    let event_loop = EventLoop::new()?;
    let has_complained = Cell::new(false);
    event_loop.set_exception_handler(move |context| match &context.exception {
        // Once is enough: it tries again until it succeeds.
        Some(error) if error.downcast_ref::<std::io::Error>().is_some() => {
            if !has_complained.replace(true) {
                complain(format_args!("cannot accept, trying again: {error}"));
            }
        }
        Some(error) => complain(format_args!("{}: {error}", context.message)),
        None => complain(format_args!("{}", context.message)),
    });

    let room = Rc::new(Room::new(patience));
    let members_room = Rc::clone(&room);
    let member = move |reader: StreamReader, writer: StreamWriter| {
        task_group(|group| Member::new(group, reader, writer, Rc::clone(&members_room)))
    };
    // A member that is gone without a word is found out by the kernel's probes.
    let serving = event_loop.start_server(member, address).accept_pause(PAUSE).backlog(4096).keep_alive(true);
    let server = event_loop.run_until_complete(serving)?;
    for signal in [SIGINT, SIGTERM] {
        let (server, room) = (server.clone(), Rc::clone(&room));
        event_loop.add_signal_handler(signal, move || stop(&server, &room))?;
    }
    // Whoever reads this may send a signal: it is handled once the loop runs.
    for address in server.local_addrs() {
        writeln!(std::io::stdout(), "listening on {address}")?;
    }
    event_loop.run_until_complete(server.wait_closed())?;
    // All connections are over; their tasks have yet to find that out.
    for member in event_loop.all_tasks() {
        event_loop.run_until_complete(member)?;
    }
    Ok(())
}

/// The first time, asks everybody to leave; the second time, nobody.
fn stop(server: &Server, room: &Room) {
    if !server.is_serving() {
        return server.abort_clients();
    }
    server.close();
    room.close();
}

/// Standard error being closed is no reason to stop.
fn complain(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
