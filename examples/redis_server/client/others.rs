//! Clients that ask for each other: `CLIENT LIST`, `CLIENT INFO`, `CLIENT KILL`.

use std::rc::Rc;

use innermost::Buffer;

use super::super::commands::{SYNTAX, excerpt};
use super::super::profile::{Profile, Shown};
use super::super::request::Args;
use super::super::resp::integer;
use super::super::store::Refusal;
use super::{Client, Flow, Ran};

/// Which clients are meant.
#[derive(Default)]
struct Chosen<'a> {
    numbers: Option<Vec<u64>>,
    address: Option<&'a [u8]>,
    kind: Option<Kind>,
    except_oneself: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Subscriber,
    /// There is no replication here.
    Replica,
}

impl Kind {
    fn parse(word: &[u8]) -> Result<Self, Refusal> {
        match word.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::Subscriber),
            b"master" | b"replica" | b"slave" => Ok(Self::Replica),
            _ => Err(format!("ERR Unknown client type '{}'", excerpt(word)).into()),
        }
    }

    fn of(profile: &Profile) -> Self {
        if profile.is_subscriber() { Self::Subscriber } else { Self::Normal }
    }
}

fn client_number(word: &[u8], refusal: &'static str) -> Result<u64, Refusal> {
    let number = integer(word).and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0);
    Ok(number.ok_or(refusal)?)
}

impl<'a> Chosen<'a> {
    /// The options of `CLIENT KILL`.
    fn parse(mut options: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<Self, Refusal> {
        let mut chosen = Self { except_oneself: true, ..Self::default() };
        while let Some(option) = options.next() {
            let value = options.next().ok_or(SYNTAX)?;
            match option.to_ascii_uppercase().as_slice() {
                b"ID" => chosen.numbers = Some(vec![client_number(value, "ERR client-id should be greater than 0")?]),
                b"ADDR" => chosen.address = Some(value),
                b"TYPE" => chosen.kind = Some(Kind::parse(value)?),
                b"USER" if value == b"default" => {}
                b"USER" => return Err(format!("ERR No such user '{}'", excerpt(value)).into()),
                b"SKIPME" => {
                    chosen.except_oneself = match value.to_ascii_lowercase().as_slice() {
                        b"yes" => true,
                        b"no" => false,
                        _ => return Err(SYNTAX),
                    }
                }
                _ => return Err(SYNTAX),
            }
        }
        Ok(chosen)
    }

    fn has(&self, profile: &Profile) -> bool {
        !profile.is_killed()
            && self.numbers.as_ref().is_none_or(|numbers| numbers.contains(&profile.number))
            && self.address.is_none_or(|address| profile.address().as_bytes() == address)
            && self.kind.is_none_or(|kind| kind == Kind::of(profile))
    }
}

impl Client {
    /// Shows others what has changed.
    pub(super) fn show(&self) {
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let more = self.more.as_deref();
        let subscriptions = more.and_then(|more| more.subscriptions.as_ref());
        let (channels, patterns) = subscriptions.map_or((0, 0), |subscriptions| subscriptions.counts());
        let transaction = more.and_then(|more| more.transaction.as_ref());
        self.seat.profile.shown.set(Shown {
            database: self.database as u8,
            protocol: self.protocol,
            channels: small(channels),
            patterns: small(patterns),
            queued: transaction.map(|transaction| small(transaction.requests.len())),
        });
    }

    pub(super) fn list(&self, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        let chosen = match (args.from(2).next().map(<[u8]>::to_ascii_uppercase).as_deref(), args.len()) {
            (None, _) => Chosen::default(),
            (Some(b"TYPE"), 4) => Chosen { kind: Some(Kind::parse(args.get(3))?), ..Chosen::default() },
            (Some(b"ID"), 4..) => {
                let numbers = args.from(3).map(|word| client_number(word, "ERR Invalid client ID"));
                Chosen { numbers: Some(numbers.collect::<Result<_, _>>()?), ..Chosen::default() }
            }
            _ => return Err(SYNTAX),
        };
        self.show();
        let server = self.server();
        let mut text = String::new();
        for profile in server.clients.borrow().values().filter(|profile| chosen.has(profile)) {
            profile.describe(&mut text, server.now());
        }
        self.answers(out).text(&text);
        Ok(())
    }

    pub(super) fn info(&self, out: &mut Buffer) {
        self.show();
        let mut text = String::new();
        self.seat.profile.describe(&mut text, self.server().now());
        self.answers(out).text(&text);
    }

    pub(super) fn kill(&self, args: Args<'_>, out: &mut Buffer) -> Ran {
        let is_old_form = args.len() == 3;
        let chosen = if is_old_form {
            Chosen { address: Some(args.get(2)), ..Chosen::default() }
        } else {
            Chosen::parse(args.from(2))?
        };
        self.show();
        let mut victims: Vec<Rc<Profile>> = self.server().clients.borrow().values().map(Rc::clone).collect();
        let is_oneself = |profile: &Profile| profile.number == self.seat.profile.number;
        victims.retain(|profile| chosen.has(profile) && !(chosen.except_oneself && is_oneself(profile)));
        match is_old_form {
            true if victims.is_empty() => return Err("ERR No such client".into()),
            true => self.answers(out).ok(),
            false => self.answers(out).count(victims.len()),
        }
        victims.iter().filter(|profile| !is_oneself(profile)).for_each(|profile| profile.kill());
        Ok(if victims.iter().any(|profile| is_oneself(profile)) { Flow::Close } else { Flow::GoOn })
    }
}
