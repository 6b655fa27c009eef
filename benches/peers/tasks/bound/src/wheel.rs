//! A hashed timer wheel. Its slots are a millisecond long, and each is a linked list in a slab.

use std::hint::black_box;

use common::{Chance, start};

use super::WHEEL;

struct Wheel {
    first: Vec<u32>,
    next: Vec<u32>,
    /// The previous entry, or, from [`SLOT`] on, the slot whose first entry this is.
    previous: Vec<u32>,
    due: Vec<u64>,
}

const NONE: u32 = u32::MAX >> 1;
const SLOT: u32 = 1 << 31;

impl Wheel {
    fn new(slots: usize, room: usize) -> Self {
        let list = || Vec::with_capacity(room);
        Self { first: vec![NONE; slots], next: list(), previous: list(), due: Vec::with_capacity(room) }
    }

    fn add(&mut self, due: u64) -> u32 {
        let slot = (due >> 20) as usize % self.first.len();
        let (index, after) = (self.due.len() as u32, self.first[slot]);
        self.due.push(due);
        self.next.push(after);
        self.previous.push(SLOT | slot as u32);
        if after != NONE {
            self.previous[after as usize] = index;
        }
        self.first[slot] = index;
        index
    }

    fn remove(&mut self, index: u32) {
        let (next, previous) = (self.next[index as usize], self.previous[index as usize]);
        if previous & SLOT == 0 {
            self.next[previous as usize] = next;
        } else {
            self.first[(previous & !SLOT) as usize] = next;
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }
}

/// Stores deadlines only, and runs nothing.
pub(crate) fn timers(n: u64) {
    let mut chance = Chance::default();
    let mut wheel = Wheel::new(16_384, n as usize);
    let timer = start();
    for _ in 0..n {
        black_box(wheel.add(10_000_000_000 + chance.next() % 1_000_000_000));
    }
    timer.done(WHEEL, "timer_set", n);
    let timer = start();
    (0..n as u32).for_each(|index| wheel.remove(index));
    timer.done(WHEEL, "timer_cancel", n);
}
