//! Messages from one client to many: `PUBLISH`, `SUBSCRIBE`, `PSUBSCRIBE`.
//!
//! A message waits in the mailbox of each subscriber until the subscriber's connection takes it. All mailboxes share its
//! bytes. A subscriber that reads too slowly is dropped: its mailbox is limited.

use std::cell::{Cell, LazyCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::mem;
use std::rc::Rc;

use innermost::{Buffer, Event};

use super::answers::{Answers, Protocol};
use super::glob;
use super::server::Server;
use super::store::Key;

/// Who has subscribed to what.
#[derive(Default)]
pub(crate) struct Channels {
    pub(crate) channels: Topics,
    pub(crate) patterns: Topics,
}

/// The subscribers of each channel or pattern, by the number of the client.
pub(crate) type Topics = BTreeMap<Key, BTreeMap<u64, Rc<Mailbox>>>;

/// Whether a name is that of a channel, or a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Channel,
    Pattern,
}

impl Channels {
    fn of(&mut self, topic: Topic) -> &mut Topics {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
        }
    }

    /// Puts a message into all mailboxes that it is for. Returns their number.
    pub(crate) fn publish(&self, channel: &[u8], text: &[u8]) -> usize {
        let mut count = 0;
        let mut tell = |subscribers: &BTreeMap<u64, Rc<Mailbox>>, message: &[&[u8]]| {
            let encoded =
                [Protocol::Resp2, Protocol::Resp3].map(|protocol| LazyCell::new(move || encode(message, protocol)));
            for mailbox in subscribers.values() {
                mailbox.put(Rc::clone(&encoded[mailbox.protocol.get() as usize]));
            }
            count += subscribers.len();
        };
        if let Some(subscribers) = self.channels.get(channel) {
            tell(subscribers, &[b"message", channel, text]);
        }
        for (pattern, subscribers) in &self.patterns {
            if glob::matches(pattern, channel) {
                tell(subscribers, &[b"pmessage", pattern, channel, text]);
            }
        }
        count
    }
}

fn encode(parts: &[&[u8]], protocol: Protocol) -> Rc<[u8]> {
    let mut bytes = Vec::new();
    let mut answers = Answers::new(&mut bytes, protocol);
    answers.push(parts.len());
    parts.iter().for_each(|part| answers.bulk(part));
    bytes.into()
}

/// The messages for a subscriber.
pub(crate) struct Mailbox {
    messages: RefCell<VecDeque<Rc<[u8]>>>,
    bytes: Cell<usize>,
    limit: usize,
    /// The version of the protocol that the subscriber speaks.
    pub(crate) protocol: Cell<Protocol>,
    is_overfull: Cell<bool>,
    /// Set when there is something new for the connection.
    pub(crate) mail: Event,
}

impl Mailbox {
    fn put(&self, message: Rc<[u8]>) {
        if self.is_overfull.get() {
            return;
        }
        let bytes = self.bytes.get() + message.len();
        if bytes > self.limit {
            self.is_overfull.set(true);
            self.messages.take();
        } else {
            self.bytes.set(bytes);
            self.messages.borrow_mut().push_back(message);
        }
        self.mail.set();
    }

    /// Whether the subscriber was too slow. It gets no more messages then.
    pub(crate) fn is_overfull(&self) -> bool {
        self.is_overfull.get()
    }

    /// Moves messages to `outgoing` until that has `enough` bytes. The event is set again when there are more messages than
    /// those that are there now. It stays set if the subscriber was too slow.
    pub(crate) fn take(&self, outgoing: &mut Buffer, enough: usize) {
        if self.is_overfull() {
            return;
        }
        let mut messages = self.messages.borrow_mut();
        while outgoing.len() < enough
            && let Some(message) = messages.pop_front()
        {
            self.bytes.set(self.bytes.get() - message.len());
            // Writing to memory does not fail.
            let _ = outgoing.write_all(&message);
        }
        if messages.is_empty() {
            *messages = VecDeque::new();
        }
        self.mail.clear();
    }
}

/// What a client has subscribed to. Dropping it ends all of its subscriptions.
pub(crate) struct Subscriptions {
    server: Rc<Server>,
    client: u64,
    pub(crate) mailbox: Rc<Mailbox>,
    channels: BTreeSet<Key>,
    patterns: BTreeSet<Key>,
}

impl Subscriptions {
    pub(crate) fn new(server: &Rc<Server>, client: u64, protocol: Protocol) -> Self {
        let mailbox = Mailbox {
            messages: RefCell::default(),
            bytes: Cell::new(0),
            limit: server.settings.mailbox,
            protocol: Cell::new(protocol),
            is_overfull: Cell::new(false),
            mail: Event::new(),
        };
        let (channels, patterns) = (BTreeSet::new(), BTreeSet::new());
        Self { server: Rc::clone(server), client, mailbox: Rc::new(mailbox), channels, patterns }
    }

    pub(crate) fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// How many channels there are, and how many patterns.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.channels.len(), self.patterns.len())
    }

    fn names(&mut self, topic: Topic) -> &mut BTreeSet<Key> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
        }
    }

    pub(crate) fn add(&mut self, topic: Topic, name: &[u8]) {
        let key = Key::from(name);
        if self.names(topic).insert(Rc::clone(&key)) {
            let mut channels = self.server.channels.borrow_mut();
            channels.of(topic).entry(key).or_default().insert(self.client, Rc::clone(&self.mailbox));
        }
    }

    pub(crate) fn remove(&mut self, topic: Topic, name: &[u8]) {
        self.names(topic).remove(name);
        self.leave(topic, name);
    }

    /// All names of a topic.
    pub(crate) fn all(&mut self, topic: Topic) -> Vec<Key> {
        self.names(topic).iter().cloned().collect()
    }

    fn leave(&self, topic: Topic, name: &[u8]) {
        let mut channels = self.server.channels.borrow_mut();
        let topics = channels.of(topic);
        if let Some(subscribers) = topics.get_mut(name) {
            subscribers.remove(&self.client);
            if subscribers.is_empty() {
                topics.remove(name);
            }
        }
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for topic in [Topic::Channel, Topic::Pattern] {
            let names = mem::take(self.names(topic));
            names.iter().for_each(|name| self.leave(topic, name));
        }
    }
}
