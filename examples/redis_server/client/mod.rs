//! A client: what it has chosen and begun, and the commands that concern it.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`          | [`Client`]; which command runs now, later, or not at all |
//! | `greeting.rs`     | how a client introduces itself |
//! | `moving.rs`       | keys from one database to another |
//! | `others.rs`       | what clients know of each other |
//! | `popping.rs`      | popping an item, or waiting for one |
//! | `subscribing.rs`  | subscriptions |
//! | `transactions.rs` | transactions |

use std::mem;
use std::rc::Rc;

use innermost::Buffer;

use super::answers::{Answers, Protocol};
use super::blocked::Waiting;
use super::commands::{Action, Call, Command, Run, Special, check_flush, unknown};
use super::info;
use super::pubsub::{Mailbox, Subscriptions, Topic};
use super::request::Args;
use super::server::{Seat, Server};
use super::store::{Refusal, Store};

mod greeting;
mod moving;
mod others;
mod popping;
mod subscribing;
mod transactions;

use greeting::check_password;
pub(crate) use popping::pair;
use transactions::{Transaction, Watch};

/// A client. Most clients are idle most of the time, so the state that only few of them need is in a box.
pub(crate) struct Client {
    pub(crate) seat: Seat,
    database: usize,
    protocol: Protocol,
    more: Option<Box<More>>,
}

#[derive(Default)]
struct More {
    transaction: Option<Transaction>,
    watch: Option<Watch>,
    subscriptions: Option<Subscriptions>,
}

/// What a connection does after a command.
pub(crate) enum Flow {
    GoOn,
    /// Closes, after the answers so far.
    Close,
    /// Closes, without an answer.
    Cut,
    Wait(Box<Waiting>),
}

type Ran = Result<Flow, Refusal>;

impl Client {
    pub(crate) const fn new(seat: Seat) -> Self {
        Self { seat, database: 0, protocol: Protocol::Resp2, more: None }
    }

    pub(crate) fn server(&self) -> &Rc<Server> {
        &self.seat.server
    }

    /// The messages for the client, while it subscribes to something.
    pub(crate) fn mailbox(&self) -> Option<&Rc<Mailbox>> {
        Some(&self.more.as_ref()?.subscriptions.as_ref()?.mailbox)
    }

    /// Moves messages for the client to `out`, until that has `enough` bytes.
    pub(crate) fn take_messages(&self, out: &mut Buffer, enough: usize) {
        if let Some(mailbox) = self.mailbox() {
            mailbox.take(out, enough);
        }
    }

    /// Writes answers in the version of the protocol that the client has chosen.
    #[inline]
    pub(crate) fn answers<'a>(&self, out: &'a mut Buffer) -> Answers<'a> {
        Answers::new(out, self.protocol)
    }

    /// Ends its transaction and its subscriptions.
    pub(crate) fn forget(&mut self) {
        self.unwatch();
        drop(mem::take(&mut self.more));
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Runs a command, or keeps it for a transaction.
    #[inline]
    pub(crate) fn run(&mut self, args: Args<'_>, out: &mut Buffer) -> Flow {
        let ran = match (Command::find(args.get(0)), &self.more) {
            (Some(command), None) => match (command.check(args), command.action) {
                (Err(refusal), _) => Err(command.refused(refusal)),
                (Ok(()), Action::Special(special)) => {
                    let ran = self.run_special(special, args, out);
                    self.show();
                    ran
                }
                (Ok(()), Action::Data(run)) => match self.run_data(run, args, out) {
                    Ok(()) => return Flow::GoOn,
                    Err(refusal) => Err(refusal),
                },
            },
            (None, _) if is_of_http(args.get(0)) => return Flow::Cut,
            (None, None) => Err(unknown(args)),
            (found, Some(_)) => {
                let ran = self.run_in_context(found, args, out);
                self.show();
                ran
            }
        };
        ran.unwrap_or_else(|refusal| {
            self.answers(out).error(&refusal);
            Flow::GoOn
        })
    }

    #[inline]
    fn run_data(&self, run: Run, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        let server = &*self.seat.server;
        let store = &mut server.stores.borrow_mut()[self.database];
        store.set_now(server.now());
        let ran = run(&mut Call { store, args, out: self.answers(out) });
        server.expect(store.next_deadline());
        ran
    }

    /// Serves the clients that wait for items that this client has pushed. A transaction does this once, at its end.
    #[inline]
    pub(crate) fn serve_others(&self) {
        let Server { stores, lines, .. } = &**self.server();
        let mut lines = lines.borrow_mut();
        if !lines.is_empty() {
            stores.borrow_mut().iter_mut().enumerate().for_each(|(database, store)| lines.serve(database, store));
        }
    }

    /// While the client subscribes in RESP2, some commands are refused. While it is in a transaction, most are kept for later.
    fn run_in_context(&mut self, found: Option<&'static Command>, args: Args<'_>, out: &mut Buffer) -> Ran {
        let protocol = self.protocol;
        let more = self.more();
        let checked = match found {
            None => Err(unknown(args)),
            Some(command) => command.check(args).map(|()| command).and_then(|command| {
                let is_free = protocol == Protocol::Resp3 || more.subscriptions.is_none();
                let is_allowed = is_free || command.is_for_subscribers();
                if is_allowed { Ok(command) } else { Err(Self::not_while_subscribed(&command.full_name(args))) }
            }),
        };
        let command = match (checked, found) {
            (Ok(command), _) => command,
            (Err(refusal), Some(exec)) if exec.is(Special::Exec) => {
                more.transaction = None;
                return Err(exec.refused(refusal));
            }
            (Err(refusal), _) => {
                more.transaction.iter_mut().for_each(|transaction| transaction.is_refused = true);
                return Err(refusal);
            }
        };
        let Some(transaction) = more.transaction.as_mut().filter(|_| !command.is_for_transactions()) else {
            return self.run_command(command, args, out);
        };
        let request = args.to_owned();
        transaction.size += request.size();
        transaction.requests.push((command, request));
        if transaction.size > self.seat.server.settings.limits.request {
            return Ok(Flow::Close);
        }
        self.answers(out).simple("QUEUED");
        Ok(Flow::GoOn)
    }

    fn not_while_subscribed(name: &str) -> Refusal {
        let allowed = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
        format!("ERR Can't execute '{name}': {allowed}").into()
    }

    #[inline]
    fn run_command(&mut self, command: &'static Command, args: Args<'_>, out: &mut Buffer) -> Ran {
        match command.action {
            Action::Data(run) => self.run_data(run, args, out).map(|()| Flow::GoOn),
            Action::Special(special) => self.run_special(special, args, out),
        }
    }

    fn run_special(&mut self, special: Special, args: Args<'_>, out: &mut Buffer) -> Ran {
        match special {
            Special::Exec => return self.exec(out),
            Special::BlockingPop => return self.blocking_pop(args, out, true),
            Special::Subscribe => self.subscribe(Topic::Channel, args, out),
            Special::PSubscribe => self.subscribe(Topic::Pattern, args, out),
            Special::Unsubscribe => self.unsubscribe(Topic::Channel, args, out),
            Special::PUnsubscribe => self.unsubscribe(Topic::Pattern, args, out),
            Special::Multi => self.multi(out)?,
            Special::Discard => self.discard(out)?,
            Special::Watch => self.watch(args, out)?,
            Special::Unwatch => {
                self.unwatch();
                self.answers(out).ok();
            }
            Special::Ping => self.ping(args, out)?,
            Special::Echo => self.answers(out).bulk(args.get(1)),
            Special::Select => self.select(args, out)?,
            Special::Quit => {
                self.answers(out).ok();
                return Ok(Flow::Close);
            }
            Special::Reset => {
                self.forget();
                (self.database, self.protocol) = (0, Protocol::Resp2);
                self.seat.profile.name.take();
                self.answers(out).simple("RESET");
            }
            Special::Publish => {
                let count = self.server().channels.borrow().publish(args.get(1), args.get(2));
                // A client may be its own subscriber.
                self.take_messages(out, usize::MAX);
                self.answers(out).count(count);
            }
            Special::FlushAll => {
                check_flush(args.from(1))?;
                self.server().stores.borrow_mut().iter_mut().for_each(Store::clear);
                self.answers(out).ok();
            }
            Special::Client => return self.client(args, out),
            Special::Hello => self.hello(args, out)?,
            Special::Auth => {
                check_password(args.from(1))?;
                self.answers(out).ok();
            }
            Special::PubSub => info::pubsub(self.server(), args, &mut self.answers(out))?,
            Special::Command => info::command(args, &mut self.answers(out))?,
            Special::Config => info::config(self.server(), args, &mut self.answers(out))?,
            Special::Copy => self.copy(args, out)?,
            Special::Move => self.move_key(args, out)?,
            Special::Time => info::time(&mut self.answers(out)),
            Special::Info => info::info(self.server(), args, &mut self.answers(out)),
        }
        Ok(Flow::GoOn)
    }
}

/// Whether a line is of a request in HTTP. A web page can make a browser send commands in the body of such a request, so the
/// connection is closed.
#[cold]
fn is_of_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

impl Drop for Client {
    fn drop(&mut self) {
        self.forget();
    }
}
