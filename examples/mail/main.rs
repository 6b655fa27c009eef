//! A mail client whose protocol is written once, and driven in three ways.
//!
//! ```text
//! cargo run --example mail -- blocking localhost:25 me@example.com you@example.com < message.txt
//! ```
//!
//! | first argument | what drives the machine in `delivery.rs` |
//! |---|---|
//! | `blocking` | a loop over a blocking socket (`blocking.rs`) |
//! | `loop`     | a task in an event loop, through `drive` (`awaited.rs`) |
//! | `guest`    | the same task, while a loop written by hand prints dots (`guest.rs`) |
//!
//! Any number of recipients may follow. The program prints what the server said of each, and exits with 0 if it accepted
//! all of them. To play the server, run `nc -lC 2525`, and type `220 hello`, then `250 ok` to all but `DATA`, which gets
//! `354 go on`.

mod awaited;
mod blocking;
mod delivery;
mod guest;

use std::env;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use innermost::Exception;

use self::delivery::{Delivered, Mail};

/// How long the server may take to accept a connection, and for each of its replies.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match deliver(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(delivered) => report(&delivered),
        Err(raised) => {
            eprintln!("mail: {raised}");
            ExitCode::FAILURE
        }
    }
}

fn deliver(arguments: &[String]) -> Result<Delivered, Exception> {
    let [way, server, from, _, ..] = arguments else {
        return Err(io::Error::other("usage: mail blocking|loop|guest HOST:PORT FROM TO... < MESSAGE").into());
    };
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    let mail = Mail::new(from.clone(), arguments[3..].to_vec(), text)?;
    match way.as_str() {
        "blocking" => blocking::deliver(server, mail),
        "loop" => awaited::deliver(server, mail),
        "guest" => guest::deliver(server, mail, Duration::from_millis(100), || eprint!(".")),
        _ => Err(io::Error::other(format!("no such way: {way}")).into()),
    }
}

fn report(delivered: &Delivered) -> ExitCode {
    let mut lines: String = delivered.accepted.iter().map(|to| format!("accepted {to}\n")).collect();
    lines.extend(delivered.refused.iter().map(|(to, reply)| format!("refused {to}: {reply}\n")));
    // A closed standard output changes nothing.
    let _ = io::stdout().write_all(lines.as_bytes());
    match delivered.refused.is_empty() && !delivered.accepted.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
