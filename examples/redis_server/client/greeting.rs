//! Greetings and settings of a client: `HELLO`, `AUTH`, `CLIENT`, `SELECT`, `PING`.

use innermost::Buffer;

use super::super::answers::Protocol;
use super::super::commands::{SYNTAX, excerpt};
use super::super::info;
use super::super::request::Args;
use super::super::resp::integer;
use super::super::store::Refusal;
use super::moving::database;
use super::{Client, Flow, Ran};

impl Client {
    pub(super) fn ping(&mut self, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        if args.len() > 2 {
            return Err("ERR wrong number of arguments for 'ping' command".into());
        }
        let mut answers = self.answers(out);
        if self.mailbox().is_some() && self.protocol == Protocol::Resp2 {
            answers.array(2);
            answers.bulk(b"pong");
            answers.bulk(if args.len() == 2 { args.get(1) } else { b"" });
        } else if args.len() == 2 {
            answers.bulk(args.get(1));
        } else {
            answers.simple("PONG");
        }
        Ok(())
    }

    pub(super) fn select(&mut self, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        self.database = database(args.get(1))?;
        self.answers(out).ok();
        Ok(())
    }

    pub(super) fn client(&mut self, args: Args<'_>, out: &mut Buffer) -> Ran {
        let number = self.seat.profile.number;
        match (args.get(1).to_ascii_uppercase().as_slice(), args.len()) {
            (b"ID", 2) => self.answers(out).integer(number as i64),
            (b"GETNAME", 2) => {
                let name = self.seat.profile.name.borrow();
                self.answers(out).bulk_or_nil(Some(&**name).filter(|name| !name.is_empty()));
            }
            (b"SETNAME", 3) => {
                self.set_name(args.get(2))?;
                self.answers(out).ok();
            }
            (b"NO-EVICT", 3) if is_switch(args.get(2)) => self.answers(out).ok(),
            (b"INFO", 2) => self.info(out),
            (b"LIST", _) => self.list(args, out)?,
            (b"KILL", _) => return self.kill(args, out),
            _ => return Err(SYNTAX),
        }
        Ok(Flow::GoOn)
    }

    fn set_name(&self, name: &[u8]) -> Result<(), Refusal> {
        if name.iter().any(|byte| !(b'!'..=b'~').contains(byte)) {
            return Err("ERR Client names cannot contain spaces, newlines or special characters.".into());
        }
        self.seat.profile.name.replace(name.into());
        Ok(())
    }

    /// Chooses the version of the protocol, and tells the client about the server.
    pub(super) fn hello(&mut self, args: Args<'_>, out: &mut Buffer) -> Result<(), Refusal> {
        let protocol = match args.from(1).next().map(integer) {
            None => self.protocol,
            Some(Some(2)) => Protocol::Resp2,
            Some(Some(3)) => Protocol::Resp3,
            Some(Some(_)) => return Err("NOPROTO unsupported protocol version".into()),
            Some(None) => return Err("ERR Protocol version is not an integer or out of range".into()),
        };
        let mut options = args.from(2);
        while let Some(option) = options.next() {
            match (option.to_ascii_uppercase().as_slice(), options.len()) {
                (b"AUTH", 2..) => check_password([(); 2].map(|()| options.next().unwrap_or_default()).into_iter())?,
                (b"SETNAME", 1..) => self.set_name(options.next().unwrap_or_default())?,
                _ => {
                    let option = excerpt(option);
                    return Err(format!("ERR Syntax error in HELLO option '{option}'").into());
                }
            }
        }
        self.protocol = protocol;
        if let Some(mailbox) = self.mailbox() {
            mailbox.protocol.set(protocol);
        }
        info::hello(self.seat.profile.number, protocol, &mut self.answers(out));
        Ok(())
    }
}

fn is_switch(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"on") || word.eq_ignore_ascii_case(b"off")
}

/// There are no passwords here.
pub(super) fn check_password<'a>(mut words: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<(), Refusal> {
    match words.len() {
        1 => Err("ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                  configuration is correct?"
            .into()),
        2 if words.next() == Some(b"default") => Ok(()),
        2 => Err("WRONGPASS invalid username-password pair or user is disabled.".into()),
        _ => Err(SYNTAX),
    }
}
