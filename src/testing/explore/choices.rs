//! [`Choices`]: a schedule as text, as the choices in which it departs from the natural order.

use core::fmt;
use core::str::FromStr;

use crate::coroutine::{Exception, Kind};

/// A choice that is not the natural one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure {
    /// The number of the choice, counted from 0.
    pub(super) at: u32,
    /// The alternative, counted from 0. The natural one is 0.
    pub(super) taken: u32,
    /// The number of alternatives.
    pub(super) of: u32,
}

/// One schedule of a program: the seed of its random numbers, and each choice that is not the natural one.
///
/// As text, a departure is written `at:taken/of`: `"7:1/3"` takes the second of the three alternatives at the eighth
/// choice. A seed other than 0 comes first: `"seed=42 7:1/3"`. The natural order is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    pub(super) seed: u64,
    pub(super) departures: Vec<Departure>,
}

impl Choices {
    /// The number of choices that are not the natural one.
    pub fn departures(&self) -> usize {
        self.departures.len()
    }
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if self.seed != 0 {
            write!(f, "seed={}", self.seed)?;
            separator = " ";
        }
        for Departure { at, taken, of } in &self.departures {
            write!(f, "{separator}{at}:{taken}/{of}")?;
            separator = " ";
        }
        Ok(())
    }
}

impl FromStr for Choices {
    type Err = Exception;

    /// # Errors
    ///
    /// `ValueError` if the text is not in the form that [`Choices`] describes.
    fn from_str(text: &str) -> Result<Self, Exception> {
        let mut choices = Self::default();
        for (place, word) in text.split_whitespace().enumerate() {
            let wrong = |expected: &str| {
                let text = format!("in the choices \"{text}\", `{word}` {expected}");
                Exception::message(Kind::ValueError, text)
            };
            if let Some(seed) = word.strip_prefix("seed=").filter(|_| place == 0) {
                choices.seed = seed.parse().map_err(|_| wrong("is not a seed, such as `seed=42`"))?;
                continue;
            }
            let departure = departure(word).ok_or_else(|| {
                wrong("is not of the form `7:1/3`: a choice, the alternative, and how many there are")
            })?;
            if departure.taken == 0 || departure.taken >= departure.of {
                return Err(wrong("names an alternative that does not exist, or the natural one, which is left out"));
            }
            if choices.departures.last().is_some_and(|last| last.at >= departure.at) {
                return Err(wrong("comes too late: choices stand in order"));
            }
            choices.departures.push(departure);
        }
        Ok(choices)
    }
}

fn departure(word: &str) -> Option<Departure> {
    let (at, rest) = word.split_once(':')?;
    let (taken, of) = rest.split_once('/')?;
    Some(Departure { at: at.parse().ok()?, taken: taken.parse().ok()?, of: of.parse().ok()? })
}
