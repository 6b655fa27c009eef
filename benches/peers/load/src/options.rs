//! The options on the command line.

use std::str::FromStr;
use std::time::Duration;

use super::text::HEAD;

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    /// The server's process number.
    pub(crate) server: i32,
    pub(crate) connections: usize,
    /// Bytes per message.
    pub(crate) size: usize,
    /// The number of messages to send. `None` to take turns.
    pub(crate) messages: Option<u64>,
    /// How long to pause after each message.
    pub(crate) pause: Duration,
    pub(crate) block: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { port: 0, server: 0, connections: 50, size: 64, messages: None, pause: Duration::ZERO, block: false };
        while let Some(name) = arguments.next() {
            if name == "--block" {
                options.block = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--port" => options.port = number(&value)?,
                "--pid" => options.server = number(&value)?,
                "--conns" => options.connections = number(&value)?,
                "--size" => options.size = number(&value)?,
                "--pause-us" => options.pause = Duration::from_micros(number(&value)?),
                "--messages" => options.messages = Some(number(&value)?),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        if options.port == 0 || options.server == 0 || options.connections == 0 {
            return Err("--port, --pid and at least one connection are required".into());
        }
        if !(HEAD..=65_536).contains(&options.size) {
            return Err(format!("a message must have {HEAD} to 65536 bytes, not {}", options.size));
        }
        Ok(options)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a valid number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(text.split_whitespace().map(String::from))
    }

    #[test]
    fn without_a_number_of_messages_the_client_takes_turns() {
        assert_eq!(parse("--port 1 --pid 2").unwrap().messages, None);
        assert_eq!(parse("--port 1 --pid 2 --messages 10").unwrap().messages, Some(10));
    }

    #[test]
    fn errors_name_missing_and_wrong_options() {
        for (text, word) in [
            ("", "--port"),
            ("--port x", "\"x\""),
            ("--port 1 --pid 1 --size 3", "16 to"),
            ("--nonsense 1", "--nonsense"),
            ("--port", "value"),
            ("--port 1 --pid 1 --messages -1", "\"-1\""),
        ] {
            assert!(parse(text).unwrap_err().contains(word), "{text}");
        }
    }
}
