//! The items of a queue, in the order in which a queue of its kind returns them.
//!
//! Comparing two items runs user code, which may use the same queue. So a heap is taken out while it compares. Items
//! that are added in the meantime are kept beside it, and join it at the next operation. An item that is asked for in
//! the meantime is one of these, or none.

use core::cell::RefCell;
use core::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

/// The items of a queue. No user code runs while they are borrowed (rule 4).
pub(super) struct Items<T>(RefCell<Kind<T>>);

/// The representation adds a separate tag. Reading a tag that is hidden in a capacity takes five instructions.
#[repr(u8)]
enum Kind<T> {
    Fifo(VecDeque<T>),
    Lifo(Vec<T>),
    Priority(Priority<T>),
}

struct Priority<T> {
    /// `None` while the heap compares.
    heap: Option<Box<dyn Heap<T>>>,
    /// The number of items in a heap that was taken out.
    lent: usize,
    /// What was added while the heap was out, in order.
    beside: VecDeque<T>,
    /// Creates an empty heap.
    make: fn() -> Box<dyn Heap<T>>,
}

trait Heap<T> {
    fn push(&mut self, item: T);
    /// Takes out the smallest item.
    fn pop(&mut self) -> Option<T>;
    fn len(&self) -> usize;
}

/// Items to drop where nothing is borrowed.
pub(super) struct Taken<T>(Kind<T>);

impl<T> Items<T> {
    pub(super) fn fifo() -> Self {
        Self(RefCell::new(Kind::Fifo(VecDeque::new())))
    }

    pub(super) fn lifo() -> Self {
        Self(RefCell::new(Kind::Lifo(Vec::new())))
    }

    pub(super) fn priority() -> Self
    where
        T: Ord + 'static,
    {
        let make: fn() -> Box<dyn Heap<T>> = || Box::new(Ordered { heap: BinaryHeap::new(), pushed: 0 });
        Self(RefCell::new(Kind::Priority(Priority { heap: Some(make()), lent: 0, beside: VecDeque::new(), make })))
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    #[inline]
    pub(super) fn push(&self, item: T) {
        let mut kind = self.0.borrow_mut();
        match &mut *kind {
            Kind::Fifo(items) => items.push_back(item),
            Kind::Lifo(items) => items.push(item),
            Kind::Priority(priority) => {
                let heap = priority.lend();
                drop(kind);
                self.push_to(heap, item);
            }
        }
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<T> {
        let mut kind = self.0.borrow_mut();
        match &mut *kind {
            Kind::Fifo(items) => items.pop_front(),
            Kind::Lifo(items) => items.pop(),
            Kind::Priority(priority) => {
                let heap = priority.lend();
                drop(kind);
                self.pop_from(heap)
            }
        }
    }

    /// Kept out of line, so that the callers are small enough to be inlined.
    #[inline(never)]
    fn push_to(&self, heap: Option<Box<dyn Heap<T>>>, item: T) {
        match self.borrow(heap) {
            Some(mut lent) => lent.heap().push(item),
            None => self.push_beside(item),
        }
    }

    #[inline(never)]
    fn pop_from(&self, heap: Option<Box<dyn Heap<T>>>) -> Option<T> {
        match self.borrow(heap) {
            Some(mut lent) => lent.heap().pop(),
            None => self.pop_beside(),
        }
    }

    /// Takes all items out.
    pub(super) fn take(&self) -> Taken<T> {
        let mut kind = self.0.borrow_mut();
        let empty = match &*kind {
            Kind::Fifo(_) => Kind::Fifo(VecDeque::new()),
            Kind::Lifo(_) => Kind::Lifo(Vec::new()),
            Kind::Priority(Priority { heap, lent, make, .. }) => Kind::Priority(Priority {
                heap: heap.is_some().then(make),
                lent: *lent,
                beside: VecDeque::new(),
                make: *make,
            }),
        };
        let mut taken = core::mem::replace(&mut *kind, empty);
        if let Kind::Priority(priority) = &mut taken {
            // The items of a heap that is out are not taken.
            priority.lent = 0;
        }
        Taken(taken)
    }

    /// Wraps a heap that was taken out, so that dropping it puts the heap back. Adds the items beside it first.
    fn borrow(&self, heap: Option<Box<dyn Heap<T>>>) -> Option<Lent<'_, T>> {
        let mut lent = Lent { items: self, heap: Some(heap?) };
        while let Some(item) = self.pop_beside() {
            lent.heap().push(item);
        }
        Some(lent)
    }

    fn push_beside(&self, item: T) {
        if let Kind::Priority(priority) = &mut *self.0.borrow_mut() {
            priority.beside.push_back(item);
        }
    }

    fn pop_beside(&self) -> Option<T> {
        match &mut *self.0.borrow_mut() {
            Kind::Priority(priority) => priority.beside.pop_front(),
            Kind::Fifo(_) | Kind::Lifo(_) => None,
        }
    }
}

impl<T> Taken<T> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Kind<T> {
    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Fifo(items) => items.len(),
            Self::Lifo(items) => items.len(),
            Self::Priority(Priority { heap, lent, beside, .. }) => {
                heap.as_ref().map_or(*lent, |heap| heap.len()) + beside.len()
            }
        }
    }
}

impl<T> Priority<T> {
    fn lend(&mut self) -> Option<Box<dyn Heap<T>>> {
        let heap = self.heap.take()?;
        self.lent = heap.len();
        Some(heap)
    }
}

/// A heap that was taken out. It goes back when this is dropped, also by a panic.
struct Lent<'a, T> {
    items: &'a Items<T>,
    heap: Option<Box<dyn Heap<T>>>,
}

impl<T> Lent<'_, T> {
    fn heap(&mut self) -> &mut dyn Heap<T> {
        &mut **self.heap.as_mut().expect("the heap goes back only when this is dropped")
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        if let Kind::Priority(priority) = &mut *self.items.0.borrow_mut() {
            priority.heap = self.heap.take();
            priority.lent = 0;
        }
    }
}

/// Orders by size, and equal items by age.
struct Ordered<T> {
    heap: BinaryHeap<Entry<T>>,
    pushed: u64,
}

struct Entry<T> {
    item: Reverse<T>,
    number: Reverse<u64>,
}

impl<T: Ord> Heap<T> for Ordered<T> {
    fn push(&mut self, item: T) {
        self.pushed += 1;
        self.heap.push(Entry { item: Reverse(item), number: Reverse(self.pushed) });
    }

    fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|entry| entry.item.0)
    }

    fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.item.cmp(&other.item).then_with(|| self.number.cmp(&other.number))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Entry<T> {}
