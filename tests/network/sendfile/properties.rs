//! Any part of any file, sent in any way, arrives exactly.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::net::FilePart;
use innermost::testing::{MemoryPair, virtual_loop};
use innermost::{Buffer, ByteRead, Step, from_fn, yield_from};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::sendfile::files::{CHUNK, Sender, file_of, new_loop, pair, pattern, reading, run_until};
use crate::sendfile::transports::connected;

/// A file's length, and the part of it that is sent.
#[derive(Clone, Copy, Debug)]
struct Part {
    length: usize,
    offset: u64,
    count: Option<u64>,
}

impl Arbitrary for Part {
    fn arbitrary(g: &mut Gen) -> Self {
        let sizes = [0, 1, 1000, CHUNK / 2, CHUNK, 3 * CHUNK];
        let size = |g: &mut Gen| {
            let near = *g.choose(&sizes).expect("there are some");
            (near + usize::arbitrary(g) % 5).saturating_sub(2)
        };
        Self { length: size(g), offset: size(g) as u64, count: bool::arbitrary(g).then(|| size(g) as u64) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let parts = (self.length, self.offset, self.count).shrink();
        Box::new(parts.map(|(length, offset, count)| Self { length, offset, count }))
    }
}

impl Part {
    /// The part to send, and the bytes that must arrive.
    fn make(self) -> (FilePart, Vec<u8>) {
        let content = pattern(self.length);
        let part = FilePart::new(file_of(&content)).offset(self.offset);
        let start = usize::try_from(self.offset).expect("it is small").min(self.length);
        let end = self.count.map_or(self.length, |count| self.length.min(start + count as usize));
        let part = match self.count {
            Some(count) => part.count(count),
            None => part,
        };
        (part, content[start..end].to_vec())
    }
}

fn by_a_socket(part: Part) -> bool {
    let (part, expected) = part.make();
    let (near, far) = pair();
    let received = reading(far);
    let sent = new_loop().run_until_complete(Sender { stream: near, part }).expect("it is read");
    sent == expected.len() as u64 && received.join().expect("it does not panic") == expected
}

fn by_a_transport(part: Part, before: Vec<u8>) -> bool {
    let (part, mut expected) = part.make();
    let count = expected.len() as u64;
    let event_loop = new_loop();
    let (transport, _, far) = connected(&event_loop);
    let received = reading(far);
    transport.write(&before).expect("it is open");
    let sent = event_loop.run_until_complete(transport.send_file(part)).expect("it is read");
    transport.write(b"end").expect("it is open");
    transport.close();
    run_until(&event_loop, || transport.with_fd(|fd| fd.is_none()));
    expected.splice(0..0, before);
    expected.extend(b"end");
    sent == count && received.join().expect("it does not panic") == expected
}

/// There is no kernel that could do it; and the peer takes few bytes at a time.
fn by_reading(part: Part, seed: u64) -> bool {
    let (part, expected) = part.make();
    let (near, far) = MemoryPair::new().capacity(10_000).random_moves(seed).build();
    let event_loop = virtual_loop().expect("a descriptor is free");
    let received = Rc::new(RefCell::new(Vec::new()));
    let (all, mut buffer) = (Rc::clone(&received), Buffer::new());
    let receiver = from_fn(move |mut sent| {
        while yield_from!(far.read(&mut buffer), sent)? > 0 {
            all.borrow_mut().extend_from_slice(buffer.bytes());
            buffer.clear();
        }
        Ok(Step::Return(()))
    });
    let receiver = event_loop.create_task(receiver).expect("it is open");
    let sent = event_loop.run_until_complete(Sender { stream: near, part }).expect("it is read");
    event_loop.run_until_complete(receiver).expect("it ends well");
    sent == expected.len() as u64 && *received.borrow() == expected
}

#[test]
fn a_socket_sends_exactly_the_given_part() {
    QuickCheck::new().tests(100).quickcheck(by_a_socket as fn(Part) -> bool);
}

#[test]
fn a_transport_sends_a_file_between_earlier_and_later_writes() {
    QuickCheck::new().tests(100).quickcheck(by_a_transport as fn(Part, Vec<u8>) -> bool);
}

#[test]
fn the_fallback_sends_exactly_the_given_part() {
    QuickCheck::new().tests(100).quickcheck(by_reading as fn(Part, u64) -> bool);
}
