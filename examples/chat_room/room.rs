//! The room: its members, their names, and their outboxes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use innermost::Transport;
use innermost::queue::{PutError, Queue, Shutdown};
use innermost::server::StopToken;

/// The most connections, with or without a name.
const PLACES: usize = 1000;

/// The most lines that wait for a member. Each member says at most one line a turn, and outboxes are written in every
/// turn. So the room never drops a member whose connection keeps up.
const OUTBOX: usize = 2 * PLACES;

/// The longest name, in letters.
const NAME: usize = 20;

/// The lines for a member. Members share the text of a line.
pub(crate) type Outbox = Queue<Rc<str>>;

pub(crate) struct Room {
    /// How long a new connection may take to give a name.
    patience: Duration,
    /// By number, in order of arrival.
    seats: RefCell<BTreeMap<u64, Seat>>,
    /// The answer to `/who`, until a name changes. It is long, so all members that ask share it.
    who: RefCell<Option<Rc<str>>>,
    last: Cell<u64>,
}

struct Seat {
    /// `None` until the member gives one.
    name: Option<Rc<str>>,
    outbox: Outbox,
    transport: Transport,
    /// Whether the room is dropping the member.
    is_slow: bool,
}

impl Room {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, seats: RefCell::default(), who: RefCell::default(), last: Cell::new(0) }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Gives a seat and its outbox to a connection. `None` if the room is full or closing.
    pub(crate) fn enter(self: &Rc<Self>, transport: &Transport, stop: &StopToken) -> Option<(Visit, Outbox)> {
        if stop.is_stopping() || self.seats.borrow().len() >= PLACES {
            return None;
        }
        let number = self.last.replace(self.last.get() + 1);
        let outbox = Outbox::bounded(OUTBOX);
        let seat = Seat { name: None, outbox: outbox.clone(), transport: transport.clone(), is_slow: false };
        self.seats.borrow_mut().insert(number, seat);
        Some((Visit { room: Rc::clone(self), number, stop: stop.clone() }, outbox))
    }

    /// Puts a line into the outbox of each seat for which `meant` is true. If an outbox is full, its member does not read:
    /// aborts its connection. The seat is free when the member has noticed.
    fn tell(&self, meant: impl Fn(u64, &Seat) -> bool, line: Rc<str>) {
        for (number, seat) in &mut *self.seats.borrow_mut() {
            if !seat.is_slow
                && meant(*number, seat)
                && let Err(PutError::Full(_)) = seat.outbox.put_nowait(Rc::clone(&line))
            {
                seat.is_slow = true;
                // `close` would wait until everything is sent.
                seat.transport.abort();
            }
        }
    }

    fn say_who(&self) -> Rc<str> {
        let seats = self.seats.borrow();
        let names: Vec<&str> = seats.values().filter_map(|seat| seat.name.as_deref()).collect();
        format!("* here are {}\n", names.join(", ")).into()
    }

    fn tell_members_but(&self, number: u64, line: Rc<str>) {
        self.tell(|other, seat| other != number && seat.name.is_some(), line);
    }
}

/// A seat in the room. Dropping it frees the seat and tells the others.
pub(crate) struct Visit {
    room: Rc<Room>,
    number: u64,
    /// Tells whether the room is closing. The room does not announce then who leaves.
    stop: StopToken,
}

impl Visit {
    /// Takes a name, and tells the others.
    ///
    /// # Errors
    ///
    /// The reason, for the member, why it cannot have the name.
    pub(crate) fn take_name(&self, name: &str) -> Result<(), &'static str> {
        let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if !(1..=NAME).contains(&name.chars().count()) || !name.chars().all(allowed) {
            return Err("a name has 1 to 20 letters and digits, or - _ .");
        }
        let mut seats = self.room.seats.borrow_mut();
        let folded = name.to_lowercase();
        if seats.values().filter_map(|seat| seat.name.as_ref()).any(|taken| taken.to_lowercase() == folded) {
            return Err("that name is taken");
        }
        if let Some(seat) = seats.get_mut(&self.number) {
            seat.name = Some(name.into());
        }
        drop(seats);
        self.room.who.take();
        self.room.tell_members_but(self.number, format!("* {name} has joined\n").into());
        Ok(())
    }

    /// The member's name. `None` until it takes one.
    pub(crate) fn name(&self) -> Option<Rc<str>> {
        self.room.seats.borrow().get(&self.number)?.name.clone()
    }

    /// Tells this member the names of all members, in order of arrival.
    pub(crate) fn hear_who(&self) {
        let line = self.room.who.borrow_mut().get_or_insert_with(|| self.room.say_who()).clone();
        self.room.tell(|number, _| number == self.number, line);
    }

    /// Tells all other members what this one says.
    pub(crate) fn say(&self, name: &str, text: &str) {
        self.room.tell_members_but(self.number, format!("{name}: {text}\n").into());
    }

    /// Tells this member a line.
    pub(crate) fn hear(&self, line: &str) {
        self.room.tell(|number, _| number == self.number, format!("* {line}\n").into());
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // In the condition below, the borrow would last until the end of the block.
        let seat = self.room.seats.borrow_mut().remove(&self.number);
        let Some(Seat { name, outbox, is_slow, .. }) = seat else { return };
        // The lines that it holds are still written.
        outbox.shutdown(Shutdown::Drain);
        self.room.who.take();
        if let Some(name) = name
            && !self.stop.is_stopping()
        {
            let how = if is_slow { "was too slow" } else { "has left" };
            self.room.tell_members_but(self.number, format!("* {name} {how}\n").into());
        }
    }
}
