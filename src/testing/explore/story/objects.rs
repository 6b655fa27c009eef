//! `Objects`: the names of what tasks wait for. Objects of one kind are numbered in the order of first sight.

use std::collections::{BTreeMap, HashMap};
use std::rc::Weak;

use crate::task::{WaitTarget, Wanted, Way};

#[derive(Default)]
pub(super) struct Objects {
    /// The name of each object, by its address. The weak handle keeps the address from being used again.
    names: HashMap<*const (), (Weak<dyn WaitTarget>, String)>,
    counts: BTreeMap<String, usize>,
}

impl Objects {
    /// What a task waits for, after the word "waits".
    pub(super) fn describe(&mut self, wanted: &Wanted) -> String {
        let Some(object) = &wanted.object else { return "for the next turn".into() };
        let name = match wanted.way {
            Way::Any => shortened(&wanted.text),
            _ => self.name(object, &wanted.text),
        };
        match wanted.way {
            Way::Readable => format!("to read {name}"),
            Way::Writable => format!("to write {name}"),
            Way::End => format!("for the end of {name}"),
            _ => format!("for {name}"),
        }
    }

    fn name(&mut self, object: &Weak<dyn WaitTarget>, text: &str) -> String {
        let kind = match text.strip_prefix("Task(").and_then(|rest| rest.rsplit_once(", ")) {
            Some((task, _)) => return task.to_owned(),
            None => kind(text),
        };
        // A descriptor has a number of its own.
        if kind.ends_with(|c: char| c.is_ascii_digit()) {
            return kind.to_owned();
        }
        let (_, name) = self.names.entry(object.as_ptr().cast()).or_insert_with(|| {
            let count = self.counts.entry(kind.to_owned()).or_default();
            *count += 1;
            (object.clone(), format!("{kind}#{count}"))
        });
        name.clone()
    }
}

/// The kind of an object, from its `Debug` form: `Lock.acquire(2 waiting)` is a `Lock`.
pub(super) fn kind(text: &str) -> &str {
    let name = text.split(['(', '{', '[']).next().unwrap_or(text).trim();
    name.strip_suffix(".acquire").unwrap_or(name)
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
