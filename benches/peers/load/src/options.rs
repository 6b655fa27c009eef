//! What was asked for on the command line.

use std::str::FromStr;
use std::time::Duration;

use super::text::HEAD;

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    /// The server's process.
    pub(crate) server: i32,
    pub(crate) connections: usize,
    /// Bytes a message.
    pub(crate) size: usize,
    pub(crate) warm_up: Duration,
    time: Duration,
    /// In place of the time.
    messages: Option<u64>,
    pub(crate) block: bool,
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            port: 0,
            server: 0,
            connections: 50,
            size: 64,
            warm_up: Duration::from_millis(500),
            time: Duration::from_secs(3),
            messages: None,
            block: false,
        };
        let mut arguments = arguments.peekable();
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
                "--secs" => options.time = seconds(&value)?,
                "--warm" => options.warm_up = seconds(&value)?,
                "--messages" => {
                    options.messages = Some(number(&value)?);
                    options.warm_up = Duration::ZERO;
                }
                _ => return Err(format!("{name} is no option")),
            }
        }
        if options.port == 0 || options.server == 0 || options.connections == 0 {
            return Err("--port and --pid are needed, and a connection at least".into());
        }
        if !(HEAD..=65_536).contains(&options.size) {
            return Err(format!("a message has {HEAD} to 65536 bytes, not {}", options.size));
        }
        Ok(options)
    }

    pub(crate) fn is_over(&self, time: Duration, messages: u64) -> bool {
        self.messages.map_or(time >= self.time, |wanted| messages >= wanted)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not such a number"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    number::<f64>(text).and_then(|seconds| Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(text.split_whitespace().map(String::from))
    }

    #[test]
    fn messages_take_the_place_of_time() {
        let options = parse("--port 1 --pid 2 --messages 10").unwrap();
        assert!(options.is_over(Duration::ZERO, 10));
        assert!(!options.is_over(Duration::MAX, 9));
        assert_eq!(options.warm_up, Duration::ZERO);
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        for (text, word) in [
            ("", "--port"),
            ("--port x", "\"x\""),
            ("--port 1 --pid 1 --size 3", "16 to"),
            ("--nonsense 1", "--nonsense"),
            ("--port", "value"),
            ("--port 1 --pid 1 --secs -1", "negative"),
        ] {
            assert!(parse(text).unwrap_err().contains(word), "{text}");
        }
    }
}
