//! Transactions: `MULTI`, `EXEC`, `DISCARD`, `WATCH`.

use std::cell::Cell;
use std::rc::Rc;

use innermost::Buffer;

use super::super::commands::{Action, Command, Special};
use super::super::request::{Args, Request};
use super::super::store::{Key, Refusal};
use super::{Client, Flow, Ran};

/// Commands since `MULTI`.
#[derive(Default)]
pub(super) struct Transaction {
    pub(super) requests: Vec<(&'static Command, Request)>,
    pub(super) size: usize,
    pub(super) is_refused: bool,
}

/// Keys that must not change before `EXEC`.
#[derive(Default)]
pub(super) struct Watch {
    has_changed: Rc<Cell<bool>>,
    keys: Vec<(usize, Key)>,
}

impl Client {
    pub(super) fn multi(&mut self, out: &mut Buffer) -> Result<(), Refusal> {
        let mut answers = self.answers(out);
        let transaction = &mut self.more().transaction;
        if transaction.is_some() {
            return Err("ERR MULTI calls can not be nested".into());
        }
        *transaction = Some(Transaction::default());
        answers.ok();
        Ok(())
    }

    pub(super) fn discard(&mut self, out: &mut Buffer) -> Result<(), Refusal> {
        self.more().transaction.take().ok_or("ERR DISCARD without MULTI")?;
        self.unwatch();
        self.answers(out).ok();
        Ok(())
    }

    pub(super) fn exec(&mut self, out: &mut Buffer) -> Ran {
        let Transaction { requests, is_refused, .. } =
            self.more().transaction.take().ok_or("ERR EXEC without MULTI")?;
        let has_changed = self.unwatch();
        if is_refused {
            return Err("EXECABORT Transaction discarded because of previous errors.".into());
        }
        if has_changed {
            self.answers(out).nil_array();
            return Ok(Flow::GoOn);
        }
        self.answers(out).array(requests.len());
        let limit = out.len() + self.server().settings.answers;
        let mut closes = false;
        for (command, request) in &requests {
            let ran = match command.action {
                Action::Special(Special::BlockingPop) => self.blocking_pop(request.args(), out, false),
                _ => self.run_command(command, request.args(), out),
            };
            match ran {
                Err(refusal) => self.answers(out).error(&refusal),
                Ok(flow) => closes |= matches!(flow, Flow::Close),
            }
            if out.len() > limit {
                return Ok(Flow::Close);
            }
        }
        Ok(if closes { Flow::Close } else { Flow::GoOn })
    }

    pub(super) fn watch(&mut self, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        let database = self.database;
        let server = Rc::clone(self.server());
        let more = self.more();
        if more.transaction.is_some() {
            return Err("ERR WATCH inside MULTI is not allowed".into());
        }
        let watch = more.watch.get_or_insert_default();
        let store = &mut server.stores.borrow_mut()[database];
        for key in args.from(1) {
            if !watch.keys.iter().any(|(there, other)| *there == database && **other == *key) {
                store.watch(key, &watch.has_changed);
                watch.keys.push((database, key.into()));
            }
        }
        self.answers(out).ok();
        Ok(())
    }

    /// Returns `true` if a watched key has changed.
    pub(super) fn unwatch(&mut self) -> bool {
        let Some(watch) = self.more.as_mut().and_then(|more| more.watch.take()) else { return false };
        let mut stores = self.server().stores.borrow_mut();
        for (database, key) in &watch.keys {
            stores[*database].unwatch(key, &watch.has_changed);
        }
        watch.has_changed.get()
    }
}
