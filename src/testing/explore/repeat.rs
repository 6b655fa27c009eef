//! Whether a program repeats: what a schedule does must not depend on anything but its choices.

use std::hint::black_box;

use super::super::prng::Prng;
use super::choices::{Choices, Departure};
use super::failure::Failure;
use super::plan::Parted;
use super::runner::{Runner, not_deterministic};
use super::story::Told;

/// How often the first schedule is repeated.
const REPEATS: u64 = 2;

impl Runner<'_> {
    /// Runs the schedule that has just run again, and compares.
    pub(super) fn check_that_it_repeats(&mut self, first: &Told, choices: &Choices) -> Result<(), Box<Failure>> {
        let trail = self.stage.pilot.plan.borrow().trail();
        for repeat in 0..REPEATS {
            stir_memory(repeat);
            let (wrong, again) = self.run_told(&choices.departures, choices.seed, 1)?;
            let is_same = wrong.is_none() && trail == self.stage.pilot.plan.borrow().trail();
            let why = match first.difference(&again, usize::MAX) {
                Some(difference) => format!("two runs of one schedule part {difference}"),
                None if is_same => continue,
                None => format!(
                    "one schedule was repeated, and did not end alike: {}",
                    wrong.map_or_else(|| "some choices had other alternatives".into(), |raised| raised.to_string())
                ),
            };
            let raised = not_deterministic(&why);
            return Err(Box::new(Failure { raised, choices: choices.clone(), schedules: 1, story: again }));
        }
        Ok(())
    }

    /// Says how a schedule that has parted from the one before it differs from that one.
    pub(super) fn explain(
        &mut self,
        parted: &Parted,
        departures: &[Departure],
        seed: u64,
        schedules: u64,
    ) -> Box<Failure> {
        let (_, parent) = departures.split_last().map_or((None, departures), |(last, parent)| (Some(last), parent));
        let mut why = format!("at choice {}, {}", parted.at, parted.why);
        let mut story = Told::default();
        for attempt in 0..REPEATS {
            let told =
                self.run_told(parent, seed, 1).and_then(|parent| Ok((parent, self.run_told(departures, seed, 1)?)));
            let ((_, before), (_, now)) = match told {
                Ok(told) => told,
                Err(failure) => return failure,
            };
            let difference = before.difference(&now, parted.at as usize);
            story = now;
            if let Some(difference) = difference {
                why += &format!("; repeated, the runs part {difference}");
                break;
            }
            if attempt + 1 == REPEATS {
                why += "; repeated, the runs were alike up to there";
            }
        }
        let choices = Choices { seed, departures: departures.to_vec() };
        Box::new(Failure { raised: not_deterministic(&why), choices, schedules, story })
    }
}

/// Allocates blocks and frees them in another order, so that the next run gets other addresses. A program that orders
/// anything by address then shows it.
fn stir_memory(seed: u64) {
    const BLOCKS: u32 = 48;
    let mut numbers = Prng::new(seed);
    for size in (16..=512).step_by(16) {
        let mut blocks: Vec<Vec<u8>> = (0..BLOCKS).map(|_| black_box(Vec::with_capacity(size))).collect();
        while !blocks.is_empty() {
            let next = numbers.below(blocks.len() as u32) as usize;
            drop(blocks.swap_remove(next));
        }
    }
}
