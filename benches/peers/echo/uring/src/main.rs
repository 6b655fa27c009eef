//! A bound: a bare io_uring loop. It uses multishot accept, multishot recv into a ring of provided buffers, and one send in
//! flight per connection, with `SINGLE_ISSUER | DEFER_TASKRUN`.
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use std::collections::VecDeque;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

const NBUF: u16 = 8192;
const BSZ: usize = 4096;

struct Conn {
    fd: i32,
    q: VecDeque<(u16, u32, u32)>, // buffer, at, end
    sending: bool,
    open: bool,
    armed: bool,
}
struct Bufs {
    ring: *mut types::BufRingEntry,
    mem: *mut u8,
    tail: u16,
}
impl Bufs {
    fn give(&mut self, bid: u16) {
        // SAFETY: both indices are below the number of buffers, and nothing else writes to the ring.
        let (e, addr) =
            unsafe { (&mut *self.ring.add((self.tail & (NBUF - 1)) as usize), self.mem.add(bid as usize * BSZ)) };
        e.set_addr(addr as u64);
        e.set_len(BSZ as u32);
        e.set_bid(bid);
        self.tail = self.tail.wrapping_add(1);
    }
    fn publish(&self) {
        // SAFETY: the ring is mapped for as long as the program runs.
        unsafe { (*types::BufRingEntry::tail(self.ring).cast::<AtomicU16>()).store(self.tail, Ordering::Release) };
    }
}

fn push(r: &mut IoUring, e: squeue::Entry) {
    // SAFETY: the buffers that entries point to stay in place as long as the program runs.
    while unsafe { r.submission().push(&e) }.is_err() {
        r.submit().unwrap();
    }
}
const ACCEPT: u64 = 1 << 62;
const SEND: u64 = 1 << 61;

fn arm(r: &mut IoUring, k: usize, fd: i32) {
    push(r, opcode::RecvMulti::new(types::Fd(fd), 0).build().user_data(k as u64));
}
fn next_send(r: &mut IoUring, b: &Bufs, c: &mut Conn, k: usize) {
    if let (false, Some(&(bid, at, end))) = (c.sending, c.q.front()) {
        c.sending = true;
        let p = unsafe { b.mem.add(bid as usize * BSZ + at as usize) };
        push(r, opcode::Send::new(types::Fd(c.fd), p, end - at).build().user_data(SEND | k as u64));
    }
}

fn main() {
    let l = common::listen(common::port_argument()).into_raw_fd();
    let mut r: IoUring =
        IoUring::builder().setup_single_issuer().setup_defer_taskrun().setup_cqsize(32768).build(4096).unwrap();
    let mut b = unsafe {
        let ring = libc::mmap(
            std::ptr::null_mut(),
            NBUF as usize * 16,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        let mem = libc::mmap(
            std::ptr::null_mut(),
            NBUF as usize * BSZ,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        r.submitter().register_buf_ring_with_flags(ring as u64, NBUF, 0, 0).unwrap();
        Bufs { ring: ring as _, mem: mem as _, tail: 0 }
    };
    for i in 0..NBUF {
        b.give(i);
    }
    b.publish();
    let accept = opcode::AcceptMulti::new(types::Fd(l)).build().user_data(ACCEPT);
    push(&mut r, accept.clone());
    common::ready();
    let mut slab: Vec<Conn> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut cq: Vec<cqueue::Entry> = Vec::new();
    let mut rearm: Vec<usize> = Vec::new();
    loop {
        r.submit_and_wait(1).unwrap();
        cq.extend(r.completion());
        for e in cq.drain(..) {
            let (ud, res, fl) = (e.user_data(), e.result(), e.flags());
            if ud & ACCEPT != 0 {
                if res >= 0 {
                    let one: i32 = 1;
                    unsafe { libc::setsockopt(res, libc::IPPROTO_TCP, libc::TCP_NODELAY, &one as *const _ as _, 4) };
                    let c = Conn { fd: res, q: VecDeque::new(), sending: false, open: true, armed: true };
                    let k = match free.pop() {
                        Some(k) => {
                            slab[k] = c;
                            k
                        }
                        None => {
                            slab.push(c);
                            slab.len() - 1
                        }
                    };
                    arm(&mut r, k, res);
                }
                if !cqueue::more(fl) {
                    push(&mut r, accept.clone());
                }
                continue;
            }
            let k = (ud & 0xffff_ffff) as usize;
            let c = &mut slab[k];
            if ud & SEND != 0 {
                c.sending = false;
                let (bid, at, end) = *c.q.front().unwrap();
                if res > 0 && at + (res as u32) < end {
                    c.q.front_mut().unwrap().1 += res as u32;
                } else {
                    b.give(bid);
                    c.q.pop_front();
                    if res <= 0 {
                        c.open = false;
                    }
                }
            } else {
                if let Some(bid) = cqueue::buffer_select(fl) {
                    if res > 0 {
                        c.q.push_back((bid, 0, res as u32));
                    } else {
                        b.give(bid);
                    }
                }
                if !cqueue::more(fl) {
                    c.armed = false;
                    if res > 0 || res == -libc::ENOBUFS {
                        rearm.push(k);
                    } else {
                        c.open = false;
                    }
                }
            }
            if c.open {
                next_send(&mut r, &b, c, k);
            } else if !c.sending && !c.armed && c.fd >= 0 {
                for (bid, _, _) in c.q.drain(..) {
                    b.give(bid);
                }
                unsafe { libc::close(c.fd) };
                c.fd = -1;
                free.push(k);
            } else if c.armed && c.fd >= 0 {
                unsafe { libc::shutdown(c.fd, libc::SHUT_RDWR) };
            }
        }
        b.publish();
        for k in rearm.drain(..) {
            slab[k].armed = true;
            arm(&mut r, k, slab[k].fd);
        }
    }
}
