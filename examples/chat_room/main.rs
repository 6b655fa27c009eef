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

use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use innermost::server::GracefulServer;
use innermost::{EventLoop, Exception, TcpListener, task_group};
use socket2::SockRef;

use self::member::Member;
use self::room::Room;
use self::support::{GRACE, announce, argument, exit_code_of, report};

fn main() -> ExitCode {
    let (address, patience) = (argument(1, "127.0.0.1:7008"), argument(2, "60"));
    exit_code_of(format_args!("chat_room {address} {patience}"), run(&address, &patience))
}

fn run(address: &str, patience: &str) -> Result<(), Exception> {
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    // The kernel's probes find members that have disappeared without closing.
    SockRef::from(&listener).set_keepalive(true)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let room = Rc::new(Room::new(Duration::from_secs(patience.parse()?)));
    let server = GracefulServer::streams(listener, move |reader, writer, stop| {
        let room = Rc::clone(&room);
        Ok(task_group(|group| Member::new(group, reader, writer, room, stop)))
    });
    let server = server.grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}
