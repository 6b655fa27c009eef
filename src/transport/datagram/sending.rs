//! Sending datagrams.

use std::io;
use std::rc::Rc;

use super::family::DatagramAddress;
use super::handle::{DatagramTransport, FIRST_PAUSE, HEADER, LONGEST_PAUSE, SHARE, Stage};
use crate::coroutine::{Exception, Kind};
use crate::event_loop::Left;
use crate::sys::{Direction, socket};

/// The outcome of an attempt to send.
struct Tried {
    has_room: bool,
    errors: Vec<io::Error>,
}

impl Tried {
    const NO_ROOM: Self = Self { has_room: false, errors: Vec::new() };
}

impl<A: DatagramAddress> DatagramTransport<A> {
    /// Sends a datagram to `to`, or to the only peer. Never waits: datagrams that the kernel does not accept yet are queued.
    /// An error of the system is passed to the protocol's `error_received`, or, if `error_received` itself is sending, after
    /// it has returned. asyncio's `sendto`.
    ///
    /// If the system reports what became of an earlier datagram instead, that error goes to `error_received` too, and this
    /// datagram is still sent. asyncio loses the datagram.
    ///
    /// Once the endpoint is closed, datagrams are discarded.
    ///
    /// # Errors
    ///
    /// Returns `ValueError` if there is neither a peer nor `to`, if `to` is not the peer, and if `to` is the address of an
    /// unnamed Unix socket.
    pub fn send_to(&self, data: &[u8], to: Option<A>) -> Result<(), Exception> {
        let to = match (&self.0.peer, to) {
            (None, None) => {
                let text = "the endpoint has no peer: an address to send to is needed";
                return Err(Exception::message(Kind::ValueError, text));
            }
            (Some(peer), Some(to)) if !peer.is(&to) => {
                let text = format!("Invalid address: must be None or {peer:?}");
                return Err(Exception::message(Kind::ValueError, text));
            }
            (None, Some(to)) if !to.is_somewhere() => {
                let text = "the receiver has no address: only its peer can send to it";
                return Err(Exception::message(Kind::ValueError, text));
            }
            (Some(_), _) => None,
            (None, to) => to,
        };
        if self.0.stage.get() >= Stage::Lost {
            return Ok(());
        }
        let is_first = self.0.queue.borrow().datagrams.is_empty();
        let tried = if is_first { self.try_send(data, to.as_ref()) } else { Tried::NO_ROOM };
        if !tried.has_room {
            let mut queue = self.0.queue.borrow_mut();
            queue.datagrams.push_back((data.into(), to));
            queue.size += data.len() + HEADER;
            let size = queue.size;
            drop(queue);
            if self.0.flow.grown(size) {
                self.tell_flow();
            }
        }
        self.all_failed(tried.errors);
        Ok(())
    }

    /// Tries to send a datagram. If there is no room, the caller queues it, and it is sent once there is.
    ///
    /// The caller passes the errors to the protocol, also those of earlier datagrams, after this datagram has been sent or
    /// queued. So a datagram sent from `error_received` does not overtake it.
    fn try_send(&self, data: &[u8], to: Option<&A>) -> Tried {
        let (sent, mut errors) = socket::send_despite_errors(|| self.try_once(data, to), A::may_be_stale);
        let has_room = sent.unwrap_or_else(|own| {
            errors.push(own);
            true
        });
        Tried { has_room, errors }
    }

    /// Returns whether there was room.
    fn try_once(&self, data: &[u8], to: Option<&A>) -> io::Result<bool> {
        let Some(socket) = self.socket() else { return Ok(true) };
        let send = |socket: &A::Socket| {
            let sent = match to {
                Some(to) => A::send_to(socket, data, to)?,
                None => A::send(socket, data)?,
            };
            Ok((sent, Left::More))
        };
        match socket.try_now(Direction::Write, send) {
            Ok(Some(_)) => Ok(true),
            Ok(None) => {
                self.watch(Direction::Write);
                Ok(false)
            }
            Err(error) if A::lacks_room(&error) => {
                self.try_later();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(in crate::transport) fn send_queued(&self) {
        let mut has_room = true;
        for _ in 0..SHARE {
            if self.0.stage.get() >= Stage::Lost {
                return;
            }
            let first = self.0.queue.borrow_mut().datagrams.pop_front();
            let Some((data, to)) = first else { break };
            let tried = self.try_send(&data, to.as_ref());
            has_room = tried.has_room;
            let mut queue = self.0.queue.borrow_mut();
            if has_room {
                queue.pause = FIRST_PAUSE;
                queue.size = queue.size.saturating_sub(data.len() + HEADER);
            } else {
                queue.datagrams.push_front((data, to));
            }
            drop(queue);
            self.all_failed(tried.errors);
            if !has_room {
                break;
            }
        }
        if self.0.flow.shrunk(self.write_buffer_size()) {
            // The protocol may send more.
            self.tell_flow();
        }
        let has_more = !self.0.queue.borrow().datagrams.is_empty();
        if has_more {
            if has_room {
                self.watch(Direction::Write);
            }
        } else if self.0.stage.get() == Stage::Closing {
            self.end(None);
        }
    }

    /// Sends queued datagrams after a pause.
    #[cold]
    fn try_later(&self) {
        let mut queue = self.0.queue.borrow_mut();
        if core::mem::replace(&mut queue.is_pausing, true) {
            return;
        }
        let pause = queue.pause;
        queue.pause = (pause * 2).min(LONGEST_PAUSE);
        drop(queue);
        let endpoint = Rc::downgrade(&self.0);
        let send = move || {
            if let Some(endpoint) = endpoint.upgrade() {
                endpoint.queue.borrow_mut().is_pausing = false;
                Self(endpoint).send_queued();
            }
        };
        // A closed loop refuses the timer, and nothing is sent any more.
        let _ = self.0.event_loop.call_later(pause, send);
    }

    fn all_failed(&self, errors: Vec<io::Error>) {
        for error in errors {
            if self.0.stage.get() < Stage::Lost {
                self.failed(error);
            }
        }
    }
}
