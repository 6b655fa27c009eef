//! Keys from one database to another: `COPY`, `MOVE`.

use innermost::Buffer;

use super::super::commands::{SYNTAX, number};
use super::super::request::Args;
use super::super::server::DATABASES;
use super::super::store::Refusal;
use super::Client;

const SAME: Refusal = Refusal::Borrowed("ERR source and destination objects are the same");

impl Client {
    pub(super) fn copy(&self, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        let (mut target, mut may_replace) = (self.database, false);
        let mut rest = args.from(3);
        while let Some(option) = rest.next() {
            match (option.to_ascii_uppercase().as_slice(), rest.len()) {
                (b"REPLACE", _) => may_replace = true,
                (b"DB", 1..) => target = database(rest.next().unwrap_or_default())?,
                _ => return Err(SYNTAX),
            }
        }
        let (from, to) = (args.get(1), args.get(2));
        if target == self.database && from == to {
            return Err(SAME);
        }
        let is_done = self.transfer(from, target, to, may_replace, false);
        self.answers(out).integer(is_done.into());
        Ok(())
    }

    pub(super) fn move_key(&self, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        let (key, target) = (args.get(1), database(args.get(2))?);
        if target == self.database {
            return Err(SAME);
        }
        let is_done = self.transfer(key, target, key, false, true);
        self.answers(out).integer(is_done.into());
        Ok(())
    }

    /// Returns `false` if there is nothing to copy, or the target has the key and may not be replaced.
    fn transfer(&self, from: &[u8], target: usize, to: &[u8], may_replace: bool, removes: bool) -> bool {
        let server = self.server();
        let mut stores = server.stores.borrow_mut();
        stores.iter_mut().for_each(|store| store.set_now(server.now()));
        let source = &mut stores[self.database];
        let Some(entry) = source.entry(from) else { return false };
        let (value, deadline) = (entry.value.clone(), entry.deadline());
        if !may_replace && stores[target].entry(to).is_some() {
            return false;
        }
        if removes {
            stores[self.database].remove(from);
        }
        stores[target].replace(to, value, deadline);
        server.expect(stores[target].next_deadline());
        true
    }
}

/// The number of a database.
pub(super) fn database(arg: &[u8]) -> Result<usize, Refusal> {
    let number = i32::try_from(number(arg)?)
        .map_err(|_| "ERR value is out of range, value must between -2147483648 and 2147483647")?;
    let database = usize::try_from(number).ok().filter(|database| *database < DATABASES);
    Ok(database.ok_or("ERR DB index is out of range")?)
}
