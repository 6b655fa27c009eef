//! Making a failing schedule small: fewest departures from the natural order, then fewest faults, then the smallest
//! alternatives.

use super::choices::Choices;
use super::failure::Failure;
use super::plan::{Cost, Source};
use super::runner::Runner;
use super::tree::Tree;
use crate::coroutine::Exception;

/// What may be spent on one reduction. Counted in runs and steps rather than in time, so that it has the same result each
/// time.
struct Budget {
    runs: u64,
    steps: u64,
}

const BUDGET: Budget = Budget { runs: 10_000, steps: 2_000_000 };

/// A schedule that fails.
struct Failing {
    raised: Exception,
    choices: Choices,
    cost: Cost,
}

impl Runner<'_> {
    /// Makes a failing schedule smaller, as long as it still fails, if perhaps with another exception.
    pub(super) fn reduce(
        &mut self,
        raised: Exception,
        choices: Choices,
        schedules: u64,
    ) -> Result<(Exception, Choices), Box<Failure>> {
        let cost = self.stage.pilot.plan.borrow().cost();
        let mut failing = Failing { raised, choices, cost };
        let mut budget = BUDGET;
        while self.leave_out(&mut failing, &mut budget, schedules)? {}
        self.lower(&mut failing, &mut budget, schedules)?;
        self.search_smaller(&mut failing, &mut budget, schedules)?;
        Ok((failing.raised, failing.choices))
    }

    /// Leaves out departures, many at a time and then one by one. Returns whether that helped.
    fn leave_out(&mut self, failing: &mut Failing, budget: &mut Budget, schedules: u64) -> Result<bool, Box<Failure>> {
        let mut helped = false;
        let mut size = failing.choices.departures.len();
        while size > 0 {
            let mut at = 0;
            while at < failing.choices.departures.len() {
                let mut fewer = failing.choices.clone();
                fewer.departures.drain(at..(at + size).min(fewer.departures.len()));
                match self.is_smaller(failing, fewer, budget, schedules)? {
                    true => helped = true,
                    false => at += size,
                }
            }
            size /= 2;
        }
        Ok(helped)
    }

    /// Takes smaller alternatives.
    fn lower(&mut self, failing: &mut Failing, budget: &mut Budget, schedules: u64) -> Result<(), Box<Failure>> {
        let mut at = 0;
        while at < failing.choices.departures.len() {
            for taken in 1..failing.choices.departures[at].taken {
                let mut lower = failing.choices.clone();
                lower.departures[at].taken = taken;
                if self.is_smaller(failing, lower, budget, schedules)? {
                    break;
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// Runs `choices` as far as they fit, and takes them if they fail and are smaller.
    fn is_smaller(
        &mut self,
        failing: &mut Failing,
        choices: Choices,
        budget: &mut Budget,
        schedules: u64,
    ) -> Result<bool, Box<Failure>> {
        if budget.is_spent() {
            return Ok(false);
        }
        let seed = choices.seed;
        let source = Source::Listed { departures: choices.departures, trail: None, lenient: true };
        let Some(raised) = self.run(source, seed, schedules)? else {
            self.spend(budget);
            return Ok(false);
        };
        self.spend(budget);
        let plan = self.stage.pilot.plan.borrow();
        let is_smaller = plan.cost() < failing.cost;
        if is_smaller {
            *failing = Failing { raised, choices: plan.choices(seed), cost: plan.cost() };
        }
        Ok(is_smaller)
    }

    /// Runs schedules with fewer departures than the one that fails, or with as many and fewer faults, the smallest first.
    fn search_smaller(
        &mut self,
        failing: &mut Failing,
        budget: &mut Budget,
        schedules: u64,
    ) -> Result<(), Box<Failure>> {
        let seed = failing.choices.seed;
        let mut tree = Tree::new(budget.runs, self.bounds.orders);
        while let Some((departures, trail)) = tree.next() {
            let bound = (failing.cost.departures, failing.cost.faults);
            if (departures.len(), tree.faults()) >= bound || budget.is_spent() {
                break;
            }
            let source = Source::Listed { departures, trail, lenient: false };
            let wrong = self.run(source, seed, schedules)?;
            self.spend(budget);
            let plan = self.stage.pilot.plan.borrow();
            if plan.parted().is_some() {
                break;
            }
            match wrong {
                None => tree.grow(plan.made()),
                Some(raised) => {
                    *failing = Failing { raised, choices: plan.choices(seed), cost: plan.cost() };
                    break;
                }
            }
        }
        Ok(())
    }

    fn spend(&self, budget: &mut Budget) {
        budget.runs = budget.runs.saturating_sub(1);
        budget.steps = budget.steps.saturating_sub(self.stage.pilot.steps());
    }
}

impl Budget {
    const fn is_spent(&self) -> bool {
        self.runs == 0 || self.steps == 0
    }
}
