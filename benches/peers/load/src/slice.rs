//! A turn: its length, its measurements, and the line that is printed about it.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use common::Histogram;

use super::usage::{Usage, Used};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    WarmUp,
    Measured,
    /// No new messages are sent.
    Over,
}

/// Parses a line: the seconds to warm up, and the seconds to measure.
pub(crate) fn parse_turn(line: &str) -> Result<(Duration, Duration), String> {
    let seconds = |word: &str| word.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match line.split_whitespace().map(seconds).collect::<Option<Vec<_>>>().as_deref() {
        Some(&[warm_up, time]) if !time.is_zero() => Ok((warm_up, time)),
        _ => Err(format!("{line:?} is not a turn: expected two numbers of seconds")),
    }
}

/// Tells the phase by the clock, and reads the usage when a phase ends.
pub(crate) struct Meter {
    server: i32,
    time: Duration,
    /// When the measuring begins.
    start: Instant,
    begun: Option<(Instant, Usage)>,
    used: Option<Used>,
}

impl Meter {
    pub(crate) fn new(server: i32, warm_up: Duration, time: Duration) -> Self {
        Self { server, time, start: Instant::now() + warm_up, begun: None, used: None }
    }

    pub(crate) fn phase(&mut self) -> io::Result<Phase> {
        if self.used.is_some() {
            return Ok(Phase::Over);
        }
        let now = Instant::now();
        match &self.begun {
            None if now < self.start => Ok(Phase::WarmUp),
            None => {
                self.begun = Some((now, Usage::now(self.server)?));
                Ok(Phase::Measured)
            }
            Some((since, _)) if now - *since < self.time => Ok(Phase::Measured),
            Some((_, before)) => {
                self.used = Some(Usage::now(self.server)? - before);
                Ok(Phase::Over)
            }
        }
    }

    pub(crate) fn measured(self) -> Used {
        self.used.expect("called when the turn is over")
    }
}

/// The line about a turn. `idle` is the usage between the last turn and this one: none, for a server that sleeps when idle.
pub(crate) fn printed(used: &Used, idle: Option<&Used>, bytes: f64, latencies: &Histogram) -> String {
    let share = |part: Duration, used: &Used| part.as_secs_f64() / used.time.as_secs_f64();
    let mut text = format!(
        "{{\"messages\":{},\"seconds\":{:.6},\"server\":{:.6},\"client\":{:.6},\"waited\":{:.6},\"idle_load\":{:.6},\
         \"bytes\":{bytes:.0},\"latencies\":[",
        latencies.count(),
        used.time.as_secs_f64(),
        used.server.as_secs_f64(),
        used.client.as_secs_f64(),
        used.waited.as_secs_f64(),
        idle.map_or(0.0, |idle| share(idle.server, idle)),
    );
    for (place, (bucket, count)) in latencies.buckets().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(text, "{comma}[{bucket},{count}]").expect("a string has room");
    }
    text + "]}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_parsed_from_two_numbers_of_seconds() {
        assert_eq!(parse_turn("0.02 0.5"), Ok((Duration::from_millis(20), Duration::from_millis(500))));
        for line in ["", "1", "1 2 3", "1 -2", "x 1", "1 0"] {
            assert!(parse_turn(line).unwrap_err().contains("two numbers"), "{line}");
        }
    }

    #[test]
    fn the_printed_line_has_shares_of_time_and_nonempty_buckets() {
        let milliseconds = Duration::from_millis;
        let used = Used {
            time: milliseconds(200),
            server: milliseconds(190),
            client: milliseconds(200),
            waited: milliseconds(1),
        };
        let idle = Used { time: milliseconds(1000), server: milliseconds(10), ..used };
        let mut latencies = Histogram::default();
        [3, 3, 5].into_iter().for_each(|value| latencies.add(value));
        assert_eq!(
            printed(&used, Some(&idle), 330.4, &latencies),
            "{\"messages\":3,\"seconds\":0.200000,\"server\":0.190000,\"client\":0.200000,\"waited\":0.001000,\
             \"idle_load\":0.010000,\"bytes\":330,\"latencies\":[[3,2],[5,1]]}"
        );
    }

    #[test]
    fn a_turn_ends_when_its_time_is_up() {
        let own = std::process::id() as i32;
        let mut meter = Meter::new(own, Duration::ZERO, Duration::from_nanos(1));
        assert_eq!(meter.phase().unwrap(), Phase::Measured);
        while meter.phase().unwrap() == Phase::Measured {}
        assert_eq!(meter.phase().unwrap(), Phase::Over);
        assert!(meter.measured().time >= Duration::from_nanos(1));
    }
}
