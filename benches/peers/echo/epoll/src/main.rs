//! Physical reference: bare edge-triggered epoll, slab of connections, one shared
//! read buffer, read until a short read, write directly. Second argument `spin`: never sleep.
struct Conn {
    fd: i32,
    out: Vec<u8>, // what a short write left
    at: usize,
}

unsafe fn flush(c: &mut Conn) -> bool {
    while c.at < c.out.len() {
        let r = libc::write(c.fd, c.out[c.at..].as_ptr() as _, c.out.len() - c.at);
        if r < 0 {
            return std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock;
        }
        c.at += r as usize;
    }
    c.out.clear();
    c.at = 0;
    true
}

/// false: close
unsafe fn ready(c: &mut Conn, buf: &mut [u8]) -> bool {
    if !c.out.is_empty() {
        if !flush(c) {
            return false;
        }
        if !c.out.is_empty() {
            return true;
        }
    }
    loop {
        let n = libc::read(c.fd, buf.as_mut_ptr() as _, buf.len());
        if n <= 0 {
            return n < 0 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock;
        }
        let n = n as usize;
        let w = libc::write(c.fd, buf.as_ptr() as _, n);
        let w = if w < 0 {
            if std::io::Error::last_os_error().kind() != std::io::ErrorKind::WouldBlock {
                return false;
            }
            0
        } else {
            w as usize
        };
        if w < n {
            c.out.extend_from_slice(&buf[w..n]);
            return true; // EPOLLOUT edge brings us back
        }
        if n < buf.len() {
            return true;
        }
    }
}

fn main() {
    use std::os::fd::IntoRawFd;
    let l = common::listen(common::port_argument()).into_raw_fd();
    let wait = if std::env::args().nth(2).as_deref() == Some("spin") { 0 } else { -1 };
    common::ready();
    let mut slab: Vec<Option<Conn>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut buf = vec![0u8; 65536];
    let mut evs: Vec<libc::epoll_event> = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
    unsafe {
        let ep = libc::epoll_create1(0);
        let mut ev = libc::epoll_event { events: libc::EPOLLIN as u32, u64: u64::MAX };
        libc::epoll_ctl(ep, libc::EPOLL_CTL_ADD, l, &mut ev);
        loop {
            let n = libc::epoll_wait(ep, evs.as_mut_ptr(), 1024, wait);
            for i in 0..n.max(0) as usize {
                let k = evs[i].u64;
                if k == u64::MAX {
                    loop {
                        let fd = libc::accept4(l, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_NONBLOCK);
                        if fd < 0 {
                            break;
                        }
                        let one: i32 = 1;
                        libc::setsockopt(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &one as *const _ as _, 4);
                        let s = free.pop().unwrap_or_else(|| {
                            slab.push(None);
                            slab.len() - 1
                        });
                        slab[s] = Some(Conn { fd, out: Vec::new(), at: 0 });
                        let mut ev = libc::epoll_event {
                            events: (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32,
                            u64: s as u64,
                        };
                        libc::epoll_ctl(ep, libc::EPOLL_CTL_ADD, fd, &mut ev);
                    }
                    continue;
                }
                // the edge right after ADD carries EPOLLOUT alone: nothing to do
                if evs[i].events == libc::EPOLLOUT as u32 && slab[k as usize].as_ref().is_some_and(|c| c.out.is_empty())
                {
                    continue;
                }
                if let Some(c) = slab[k as usize].as_mut() {
                    if !ready(c, &mut buf) {
                        libc::close(c.fd);
                        slab[k as usize] = None;
                        free.push(k as usize);
                    }
                }
            }
        }
    }
}
