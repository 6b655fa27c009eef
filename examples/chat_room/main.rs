//! A chat room over lines of text, for a thousand members. A member connects and gives a name. Every line that a member sends
//! goes to all other members.
//!
//! ```text
//! cargo run --release --example chat_room [ADDR [SECONDS]]      (127.0.0.1:7008; port 0 picks a free one)
//! nc 127.0.0.1 7008                                             (in two terminals: give a name, type something)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`   | the server, and how it stops |
//! | `member.rs` | a member: one machine reads its lines, another writes the lines for it |
//! | `lines.rs`  | reading lines of limited length from a stream |
//! | `room.rs`   | the members, their names, and their outboxes |
//!
//! A member is a task group. Its body reads, and its one task writes the lines in the member's outbox. When the body ends, the
//! group waits for the writer. If one of them is cancelled, so is the other. A member that does not read delays no other: its
//! outbox is bounded, and the room drops a member whose outbox is full.
//!
//! A connection that gives no name within a minute, or within SECONDS, is dropped too.
//!
//! Ctrl-C or SIGTERM stops the server. It lets no new members in, tells all members, and exits with 0 when all have closed.
//! After a second signal, or after five seconds, it ends the remaining connections at once.

mod lines;
mod member;
mod room;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use innermost::{EventLoop, Exception, Server, StreamReader, StreamWriter, task_group};

use self::member::Member;
use self::room::Room;
use self::support::{PAUSE, announce, argument, complain, exit_code_of, on_stop};

fn main() -> ExitCode {
    let (address, patience) = (argument(1, "127.0.0.1:7008"), argument(2, "60"));
    exit_code_of(format_args!("chat_room {address} {patience}"), run(&address, &patience))
}

fn run(address: &str, patience: &str) -> Result<(), Exception> {
    let address = address.parse::<SocketAddr>()?;
    let patience = Duration::from_secs(patience.parse()?);
    let event_loop = EventLoop::new()?;
    let has_complained = Cell::new(false);
    event_loop.set_exception_handler(move |context| match &context.exception {
        // Reports only the first failure to accept: the server tries again until it succeeds.
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
    // The kernel's probes find members that have disappeared without closing.
    let serving = event_loop.start_server(member, address).accept_pause(PAUSE).backlog(4096).keepalive(true);
    let server = event_loop.run_until_complete(serving)?;
    let for_signals = server.clone();
    on_stop(&event_loop, move || stop(&for_signals, &room))?;
    announce(server.local_addrs())?;
    event_loop.run_until_complete(server.wait_closed())?;
    // All connections have ended. Their tasks have yet to notice.
    for member in event_loop.all_tasks() {
        event_loop.run_until_complete(member)?;
    }
    Ok(())
}

/// The first call asks all members to leave. The second call aborts their connections.
fn stop(server: &Server, room: &Room) {
    if !server.is_serving() {
        return server.abort_clients();
    }
    server.close();
    room.close();
}
