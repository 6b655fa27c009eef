//! The messages: the connection's number, the message's number, and a different piece of pseudo-random bytes each time.

use common::Chance;

pub(crate) struct Text {
    noise: Vec<u8>,
    message: Vec<u8>,
}

/// The length of the two numbers.
pub(crate) const HEAD: usize = 16;
const PIECES: u64 = 4096;

impl Text {
    pub(crate) fn new(size: usize) -> Self {
        let mut chance = Chance::default();
        let noise = (0..size + PIECES as usize).map(|_| chance.next() as u8).collect();
        Self { noise, message: vec![0; size] }
    }

    pub(crate) fn size(&self) -> usize {
        self.message.len()
    }

    pub(crate) fn message(&mut self, connection: u64, sequence: u64) -> &[u8] {
        let piece = piece(connection, sequence);
        let size = self.message.len();
        self.message.copy_from_slice(&self.noise[piece..piece + size]);
        self.message[..8].copy_from_slice(&connection.to_le_bytes());
        self.message[8..HEAD].copy_from_slice(&sequence.to_le_bytes());
        &self.message
    }

    /// Whether these are the message's bytes from `at` on, and no more than have been `sent`.
    pub(crate) fn is_part(&self, connection: u64, sequence: u64, at: usize, sent: usize, bytes: &[u8]) -> bool {
        if at + bytes.len() > sent {
            return false;
        }
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&connection.to_le_bytes());
        head[8..].copy_from_slice(&sequence.to_le_bytes());
        let (in_head, after) = bytes.split_at(bytes.len().min(HEAD.saturating_sub(at)));
        let noise = &self.noise[piece(connection, sequence)..];
        let from = at + in_head.len();
        in_head == &head[at.min(HEAD)..at.min(HEAD) + in_head.len()] && after == &noise[from..from + after.len()]
    }
}

fn piece(connection: u64, sequence: u64) -> usize {
    (sequence.wrapping_mul(61).wrapping_add(connection.wrapping_mul(17)) % PIECES) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_message_matches_and_every_wrong_byte_is_found() {
        let mut text = Text::new(100);
        let message = text.message(7, 9).to_vec();
        for at in 0..100 {
            for end in at..=100 {
                assert!(text.is_part(7, 9, at, 100, &message[at..end]));
            }
            let mut wrong = message.clone();
            wrong[at] ^= 1;
            assert!(!text.is_part(7, 9, 0, 100, &wrong), "byte {at}");
        }
    }

    #[test]
    fn bytes_that_were_not_sent_do_not_match() {
        let mut text = Text::new(32);
        let message = text.message(1, 1).to_vec();
        assert!(!text.is_part(1, 1, 0, 31, &message));
    }

    #[test]
    fn messages_differ() {
        let mut text = Text::new(64);
        let first = text.message(1, 1).to_vec();
        assert_ne!(first, text.message(1, 2));
        assert_ne!(first, text.message(2, 1));
    }
}
