//! The options on the command line.

use std::str::FromStr;

use super::Failure;
use super::machine;
use super::poll::Wait;
use super::process::{ANSWERERS, ECHOES, Kind, REQUEST, SPINNERS, Work};

pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) work: Work,
    pub(crate) servers: Vec<Kind>,
    pub(crate) connections: Vec<usize>,
    pub(crate) sizes: Vec<usize>,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) messages: usize,
    pub(crate) mebibytes: usize,
    pub(crate) wait: Wait,
}

#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Times,
    Instructions,
    SystemCalls,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Times,
            work: Work::Echo,
            servers: ECHOES.to_vec(),
            connections: vec![1, 50, 1000],
            sizes: vec![64],
            rounds: 6,
            seconds: 1.2,
            messages: 100_000,
            mebibytes: 1024,
            // With one core for both, the server runs only while the client sleeps.
            wait: if machine::cores().len() > 1 { Wait::NotAtAll } else { Wait::ForEver },
        }
    }
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().map(String::as_str).ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => {}
                "--instructions" => options.mode = Mode::Instructions,
                "--syscalls" => options.mode = Mode::SystemCalls,
                "--accepts" => (options.work, options.connections) = (Work::Accepts, vec![50]),
                "--answers" => {
                    (options.work, options.servers) = (Work::Answers, ANSWERERS.to_vec());
                    (options.connections, options.sizes) = (vec![50], vec![REQUEST, 16 * REQUEST]);
                }
                "--sends" => (options.work, options.connections) = (Work::Source, vec![1]),
                "--receives" => (options.work, options.connections) = (Work::Sink, vec![1]),
                "--spin" => (options.servers, options.connections) = (SPINNERS.to_vec(), vec![1]),
                "--servers" => options.servers = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--conns" => options.connections = value()?.split(',').map(positive).collect::<Result<_, _>>()?,
                "--size" => options.sizes = value()?.split(',').map(positive).collect::<Result<_, _>>()?,
                "--rounds" => options.rounds = positive(value()?)?,
                "--secs" => options.seconds = positive(value()?)?,
                "--messages" => options.messages = positive(value()?)?,
                "--mebibytes" => options.mebibytes = positive(value()?)?,
                other => return Err(format!("unknown option {other:?}: see the head of benches/echo.rs").into()),
            }
        }
        if options.work == Work::Answers && options.servers.iter().any(|kind| !ANSWERERS.contains(kind)) {
            return Err("only the servers `bare` and `ours` answer requests".into());
        }
        if options.work == Work::Answers && options.sizes.iter().any(|size| size % REQUEST != 0) {
            return Err(format!("sizes must be multiples of {REQUEST} bytes, the size of a request").into());
        }
        Ok(options)
    }
}

fn positive<T: FromStr + PartialOrd + Default>(text: &str) -> Result<T, Failure> {
    let number = text.parse().ok().filter(|number| *number > T::default());
    number.ok_or_else(|| format!("{text:?} is not a positive number").into())
}
