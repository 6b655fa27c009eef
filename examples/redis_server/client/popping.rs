//! Popping an item, or waiting for one: `BLPOP`, `BRPOP`.

use std::time::Duration;

use innermost::Buffer;

use super::super::answers::Answers;
use super::super::blocked::{Waiting, Wish};
use super::super::request::Args;
use super::super::store::{End, Key, Refusal};
use super::{Client, Flow, Ran};

impl Client {
    /// Takes an item that is there, or joins the lines.
    pub(super) fn blocking_pop(&mut self, args: Args<'_>, out: &mut Buffer, may_wait: bool) -> Ran {
        let end = if args.get(0).eq_ignore_ascii_case(b"blpop") { End::Left } else { End::Right };
        let limit = seconds(args.get(args.len() - 1))?;
        let keys = args.from(1).take(args.len() - 2);
        let mut stores = self.seat.server.stores.borrow_mut();
        let store = &mut stores[self.database];
        store.set_now(self.seat.server.now());
        for key in keys.clone() {
            if let Some(Some(item)) = store.change_list(key, |list| end.pop(list))? {
                pair(&mut self.answers(out), key, &item);
                return Ok(Flow::GoOn);
            }
        }
        if !may_wait {
            self.answers(out).nil_array();
            return Ok(Flow::GoOn);
        }
        drop(stores);
        let wish = Wish { database: self.database, keys: keys.map(Key::from).collect(), end };
        let waiting = Waiting::new(self.server(), wish, limit);
        waiting.map(Flow::Wait).map_err(|raised| format!("ERR {raised}").into())
    }
}

/// An item and its list.
pub(crate) fn pair(answers: &mut Answers<'_>, key: &[u8], item: &[u8]) {
    answers.array(2);
    answers.bulk(key);
    answers.bulk(item);
}

/// Parses a time in seconds, which may have a fraction. `None` means for ever.
fn seconds(text: &[u8]) -> Result<Option<Duration>, Refusal> {
    let seconds = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| !seconds.is_nan()).ok_or("ERR timeout is not a float or out of range")?;
    if seconds < 0.0 {
        return Err("ERR timeout is negative".into());
    }
    if seconds * 1000.0 > i64::MAX as f64 {
        return Err("ERR timeout is out of range".into());
    }
    Ok((seconds > 0.0).then(|| Duration::from_secs_f64((seconds * 1000.0).ceil() / 1000.0)))
}
