//! Who is there, what they are called, and who is told what.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{PutError, Queue, Shutdown};
use innermost::{AnyTask, Transport};

/// How many connections there may be, named or not.
const PLACES: usize = 1000;

/// How many lines wait for a member that does not read. Everybody says a line a turn at the most, and in each turn what
/// waits is written: so nobody is dropped whose connection takes what comes, however much is said at once.
const OUTBOX: usize = 2 * PLACES;

/// How long a name may be, in letters.
const NAME: usize = 20;

/// What a member is to be told: lines, each shared by all who hear it.
pub(crate) type Outbox = Queue<Rc<str>>;

pub(crate) struct Room {
    /// How long somebody may take to give a name.
    patience: Duration,
    /// By number, in the order in which they came.
    seats: RefCell<BTreeMap<u64, Seat>>,
    /// The line that says who is here, until that changes. It is long, and shared by all who ask and do not read it.
    who: RefCell<Option<Rc<str>>>,
    last: Cell<u64>,
    closing: Cell<bool>,
}

struct Seat {
    /// `None` until one is given.
    name: Option<Rc<str>>,
    outbox: Outbox,
    transport: Transport,
    task: AnyTask,
    /// Whether it is being dropped.
    is_slow: bool,
}

impl Room {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            patience,
            seats: RefCell::default(),
            who: RefCell::default(),
            last: Cell::new(0),
            closing: Cell::new(false),
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Gives a seat, with its outbox, to `task`, whose connection that is; `None` where there is none, or the room
    /// closes.
    pub(crate) fn enter(self: &Rc<Self>, task: AnyTask, transport: &Transport) -> Option<(Visit, Outbox)> {
        if self.is_closing() || self.seats.borrow().len() >= PLACES {
            return None;
        }
        let number = self.last.replace(self.last.get() + 1);
        let outbox = Outbox::bounded(OUTBOX);
        let seat = Seat { name: None, outbox: outbox.clone(), transport: transport.clone(), task, is_slow: false };
        self.seats.borrow_mut().insert(number, seat);
        Some((Visit { room: Rc::clone(self), number }, outbox))
    }

    /// Whether everybody is to leave.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Tells everybody that the room closes, and cancels them: who is cancelled while the room closes leaves in good
    /// order. Who comes later sees it for themselves.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        let tasks: Vec<_> = self.seats.borrow().values().map(|seat| seat.task.clone()).collect();
        self.tell(|_, _| true, "* the room closes\n".into());
        for task in tasks {
            task.cancel();
        }
    }

    /// Puts a line into the outbox of each seat that is `meant`. A member whose outbox is full does not read, and is
    /// dropped: it finds the end of its connection, and its seat is free when it has left.
    fn tell(&self, meant: impl Fn(u64, &Seat) -> bool, line: Rc<str>) {
        for (number, seat) in &mut *self.seats.borrow_mut() {
            if !seat.is_slow
                && meant(*number, seat)
                && let Err(PutError::Full(_)) = seat.outbox.put_nowait(Rc::clone(&line))
            {
                seat.is_slow = true;
                // Not `close`, which waits until all is sent.
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

/// A seat in the room. However this comes to be dropped, the seat is free then, and the others are told.
pub(crate) struct Visit {
    room: Rc<Room>,
    number: u64,
}

impl Visit {
    /// Takes a name, and tells the others.
    ///
    /// # Errors
    ///
    /// Why it cannot be had, for who wants it.
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

    /// `None` until a name was taken.
    pub(crate) fn name(&self) -> Option<Rc<str>> {
        self.room.seats.borrow().get(&self.number)?.name.clone()
    }

    /// Tells this one who has a name, in the order in which they came.
    pub(crate) fn hear_who(&self) {
        let line = self.room.who.borrow_mut().get_or_insert_with(|| self.room.say_who()).clone();
        self.room.tell(|number, _| number == self.number, line);
    }

    /// Says something to all others.
    pub(crate) fn say(&self, name: &str, text: &str) {
        self.room.tell_members_but(self.number, format!("{name}: {text}\n").into());
    }

    /// Tells this one a line.
    pub(crate) fn hear(&self, line: &str) {
        self.room.tell(|number, _| number == self.number, format!("* {line}\n").into());
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Not in the condition: the borrow would last for all of it.
        let seat = self.room.seats.borrow_mut().remove(&self.number);
        let Some(Seat { name, outbox, is_slow, .. }) = seat else { return };
        // What is in it is written to the end.
        outbox.shutdown(Shutdown::Drain);
        self.room.who.take();
        if let Some(name) = name
            && !self.room.is_closing()
        {
            let how = if is_slow { "was too slow" } else { "has left" };
            self.room.tell_members_but(self.number, format!("* {name} {how}\n").into());
        }
    }
}
