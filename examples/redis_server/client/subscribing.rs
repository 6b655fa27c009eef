//! Subscriptions: `SUBSCRIBE`, `PSUBSCRIBE`, and their opposites.

use std::rc::Rc;

use innermost::Buffer;

use super::super::answers::Answers;
use super::super::pubsub::{Subscriptions, Topic};
use super::super::request::Args;
use super::super::store::Key;
use super::Client;

impl Client {
    pub(super) fn subscribe(&mut self, topic: Topic, args: Args<'_>, out: &mut Buffer) {
        let (server, number, protocol) = (Rc::clone(self.server()), self.seat.profile.number, self.protocol);
        let kind = if topic == Topic::Channel { "subscribe" } else { "psubscribe" };
        let new = || Subscriptions::new(&server, number, protocol);
        let subscriptions = self.more().subscriptions.get_or_insert_with(new);
        let mut answers = Answers::new(out, protocol);
        for name in args.from(1) {
            subscriptions.add(topic, name);
            confirm(&mut answers, kind, Some(name), subscriptions.count());
        }
    }

    pub(super) fn unsubscribe(&mut self, topic: Topic, args: Args<'_>, out: &mut Buffer) {
        let kind = if topic == Topic::Channel { "unsubscribe" } else { "punsubscribe" };
        // Dropping the last subscription drops the messages.
        self.take_messages(out, usize::MAX);
        let mut answers = self.answers(out);
        let subscriptions = &mut self.more().subscriptions;
        let names: Vec<Key> = match (subscriptions.as_mut(), args.len()) {
            (Some(subscriptions), 1) => subscriptions.all(topic),
            _ => args.from(1).map(Key::from).collect(),
        };
        let mut left = subscriptions.as_ref().map_or(0, Subscriptions::count);
        if names.is_empty() {
            confirm(&mut answers, kind, None, left);
        }
        for name in &names {
            if let Some(subscriptions) = subscriptions {
                subscriptions.remove(topic, name);
                left = subscriptions.count();
            }
            confirm(&mut answers, kind, Some(name), left);
        }
        if left == 0 {
            *subscriptions = None;
        }
    }
}

fn confirm(answers: &mut Answers<'_>, kind: &str, name: Option<&[u8]>, count: usize) {
    answers.push(3);
    answers.bulk(kind.as_bytes());
    answers.bulk_or_nil(name);
    answers.count(count);
}
