//! mio, with a hand-written state machine and one buffer per connection.
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};

struct Conn {
    s: TcpStream,
    buf: Vec<u8>,
    at: usize,
    end: usize,
}
const L: Token = Token(usize::MAX);

fn ready(c: &mut Conn) -> std::io::Result<bool> {
    loop {
        while c.at < c.end {
            match c.s.write(&c.buf[c.at..c.end]) {
                Ok(n) => c.at += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(e) => return Err(e),
            }
        }
        match c.s.read(&mut c.buf) {
            Ok(0) => return Ok(false),
            Ok(n) => {
                let short = n < c.buf.len();
                (c.at, c.end) = (0, n);
                if short {
                    while c.at < c.end {
                        match c.s.write(&c.buf[c.at..c.end]) {
                            Ok(n) => c.at += n,
                            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
                            Err(e) => return Err(e),
                        }
                    }
                    return Ok(true);
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(e) => return Err(e),
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut l = TcpListener::from_std(common::listen(common::port_argument()));
    common::ready();
    let mut poll = Poll::new()?;
    let mut evs = Events::with_capacity(1024);
    poll.registry().register(&mut l, L, Interest::READABLE)?;
    let mut slab: Vec<Option<Conn>> = Vec::new();
    let mut free = Vec::new();
    loop {
        match poll.poll(&mut evs, None) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            r => r?,
        }
        for ev in evs.iter() {
            if ev.token() == L {
                while let Ok((mut s, _)) = l.accept() {
                    s.set_nodelay(true)?;
                    let k = free.pop().unwrap_or_else(|| {
                        slab.push(None);
                        slab.len() - 1
                    });
                    poll.registry().register(&mut s, Token(k), Interest::READABLE | Interest::WRITABLE)?;
                    slab[k] = Some(Conn { s, buf: vec![0; 16384], at: 0, end: 0 });
                }
                continue;
            }
            let k = ev.token().0;
            if let Some(c) = slab[k].as_mut() {
                if !ev.is_readable() && c.at == c.end {
                    continue;
                }
                if !ready(c).unwrap_or(false) {
                    slab[k] = None;
                    free.push(k);
                }
            }
        }
    }
}
