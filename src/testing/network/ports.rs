//! [`Ports`]: who listens where.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::{Rc, Weak};

use super::map::Site;

/// What listens at the ports of all sites, of one kind.
pub(super) struct Ports<T>(RefCell<BTreeMap<(usize, u16), Weak<T>>>);

impl<T> Ports<T> {
    /// Gives `listening` a port, or a free one if `port` is 0. Returns the port.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if something listens there, and `NetworkDown` after a crash.
    pub(super) fn open(&self, site: &Site, port: u16, listening: &Rc<T>) -> io::Result<u16> {
        site.check()?;
        let port = if port == 0 { self.free(site) } else { port };
        if self.at(site, port).is_some() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.0.borrow_mut().insert((site.index, port), Rc::downgrade(listening));
        Ok(port)
    }

    fn free(&self, site: &Site) -> u16 {
        loop {
            let port = site.next_port();
            if self.at(site, port).is_none() {
                return port;
            }
        }
    }

    /// What listens there.
    pub(super) fn at(&self, site: &Site, port: u16) -> Option<Rc<T>> {
        self.0.borrow().get(&(site.index, port))?.upgrade()
    }

    /// Frees the port, unless something else has got it after a crash.
    pub(super) fn close(&self, site: &Site, port: u16, listening: &Rc<T>) {
        let mut ports = self.0.borrow_mut();
        if ports.get(&(site.index, port)).is_some_and(|there| there.as_ptr() == Rc::as_ptr(listening)) {
            ports.remove(&(site.index, port));
        }
    }

    /// Nothing listens at that site any more.
    pub(super) fn close_all(&self, site: &Site) {
        self.0.borrow_mut().retain(|(index, _), _| *index != site.index);
    }
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}
