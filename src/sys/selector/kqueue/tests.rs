//! Tests of the logic with a scripted kernel, which records the calls and returns prepared answers.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::*;

const TOKEN: SelectorToken = SelectorToken(7 << 32 | 5);

/// A kernel with prepared answers, and a log of the calls.
struct Script {
    queue: OwnedFd,
    /// The error numbers for the next changes, in pairs. After these, all changes are accepted.
    receipts: VecDeque<[i32; 2]>,
    /// The results of the next waits. After these, a wait returns no event.
    waits: VecDeque<io::Result<Vec<Entry>>>,
    happened: Vec<Entry>,
    log: Vec<String>,
}

impl Kernel for Script {
    fn change(&mut self, changes: [Entry; 2]) -> io::Result<[Entry; 2]> {
        for change in changes {
            let Entry { filter, flags, fflags: 0, data: 0, token, .. } = change else { panic!("{change:?}") };
            assert_eq!(change.fd, changes[0].fd);
            let action = match flags {
                0x61 => format!("add, clear, receipt: {:#x}", token.0),
                0x42 => "delete, receipt".into(),
                _ => panic!("{flags:#x}"),
            };
            self.log.push(format!("{filter:?} {action}"));
        }
        let [read, write] = self.receipts.pop_front().unwrap_or_default();
        // A receipt has the flag `EV_ERROR` even if there is no error.
        let receipt =
            |change: Entry, error: i32| Entry { flags: change.flags | EV_ERROR, data: error.into(), ..change };
        Ok([receipt(changes[0], read), receipt(changes[1], write)])
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        self.log.push(format!("wait {timeout:?}"));
        self.happened = self.waits.pop_front().unwrap_or_else(|| Ok(vec![]))?;
        Ok(self.happened.len())
    }

    fn happened(&self, index: usize) -> Entry {
        self.happened[index]
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

impl Logic<Script> {
    fn of_script() -> Self {
        let (queue, _) = UnixStream::pair().expect("a descriptor is free");
        let script = Script {
            queue: queue.into(),
            receipts: VecDeque::new(),
            waits: VecDeque::new(),
            happened: vec![],
            log: vec![],
        };
        Self::new(script)
    }

    /// Registers a descriptor whose filters get these answers.
    fn registered(&mut self, receipts: [i32; 2]) -> (UnixStream, io::Result<()>) {
        let (stream, _peer) = UnixStream::pair().expect("a descriptor is free");
        self.kernel.receipts.push_back(receipts);
        let result = self.register(stream.as_fd(), TOKEN);
        (stream, result)
    }

    fn selected(&mut self, timeout: Option<Duration>) -> io::Result<Vec<SelectorEvent>> {
        let mut events = vec![];
        self.select(&mut events, timeout).map(|()| events)
    }

    fn log(&mut self) -> Vec<String> {
        core::mem::take(&mut self.kernel.log)
    }
}

/// An event as the kernel returns it: without the flags of the registration.
const fn entry(filter: Direction, flags: u32, fflags: u32) -> Entry {
    Entry { fd: 3, filter, flags: EV_CLEAR | flags, fflags, data: 0, token: TOKEN }
}

fn number<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

const ADDED: [&str; 2] = ["Read add, clear, receipt: 0x700000005", "Write add, clear, receipt: 0x700000005"];
const DELETED: [&str; 2] = ["Read delete, receipt", "Write delete, receipt"];

#[test]
fn a_registration_is_one_call_for_both_directions_and_carries_its_token() {
    let mut queue = Logic::of_script();
    let (_stream, result) = queue.registered([0, 0]);
    result.expect("both are accepted");
    assert_eq!(queue.log(), ADDED);
    assert!(!queue.reports_levels());
    queue.drained(TOKEN, Direction::Read);
    assert_eq!(queue.log(), [""; 0]);
}

#[test]
fn what_is_registered_is_refused_until_it_is_taken_out_or_closed() {
    let mut queue = Logic::of_script();
    let (stream, result) = queue.registered([0, 0]);
    result.expect("both are accepted");
    queue.log();
    assert_eq!(number(queue.register(stream.as_fd(), SelectorToken(1))), Some(libc::EEXIST));
    // The kernel must not be asked: it would have accepted the other token.
    assert_eq!(queue.log(), [""; 0]);

    // The filter that was refused does not exist.
    queue.kernel.receipts.push_back([0, libc::ENOENT]);
    queue.deregister(stream.as_fd()).expect("it is registered");
    assert_eq!(number(queue.deregister(stream.as_fd())), Some(libc::ENOENT));
    assert_eq!(queue.log(), DELETED);

    queue.register(stream.as_fd(), TOKEN).expect("it is free");
    queue.closing(stream.as_fd());
    queue.register(stream.as_fd(), TOKEN).expect("it is free");
    // Closing needs no call.
    assert_eq!(queue.log(), [ADDED, ADDED].concat());
}

#[test]
fn a_file_with_one_direction_is_registered_for_that() {
    for receipts in [[0, libc::EINVAL], [libc::EINVAL, 0], [0, libc::EOPNOTSUPP], [libc::ENODEV, 0], [libc::ENOTSUP, 0]]
    {
        let mut queue = Logic::of_script();
        let (_stream, result) = queue.registered(receipts);
        result.expect("one is accepted");
        assert_eq!(queue.selected(None).expect("it waits"), []);
        assert_eq!(queue.log(), [&ADDED[..], &["wait None"]].concat());
    }
    let mut queue = Logic::of_script();
    let (stream, result) = queue.registered([libc::EINVAL, libc::ENODEV]);
    assert_eq!(number(result), Some(libc::EINVAL));
    assert_eq!(queue.log(), [ADDED, DELETED].concat());
    queue.register(stream.as_fd(), TOKEN).expect("nothing is left over");
}

#[test]
fn a_pipe_whose_other_end_is_gone_is_reported_as_closed_by_the_next_wait() {
    for error in [libc::EPIPE, libc::EBADF] {
        let mut queue = Logic::of_script();
        let (stream, result) = queue.registered([0, error]);
        result.expect("it is no failure");
        queue.kernel.waits.push_back(Ok(vec![entry(Direction::Read, 0, 0)]));
        let closed = SelectorEvent { token: TOKEN, readiness: Readiness::WRITE_CLOSED };
        let readable = SelectorEvent { token: TOKEN, readiness: Readiness::READABLE };
        assert_eq!(queue.selected(None).expect("it waits"), [closed, readable]);
        // Reported only once.
        assert_eq!(queue.selected(None).expect("it waits"), []);
        assert_eq!(queue.log(), [&ADDED[..], &["wait Some(0ns)", "wait None"]].concat());

        // Not reported after it was deregistered, and not lost if a wait fails.
        for is_closed in [false, true] {
            queue.closing(stream.as_fd());
            queue.kernel.receipts.push_back([error, 0]);
            queue.register(stream.as_fd(), TOKEN).expect("it is no failure");
            queue.kernel.waits.push_back(Err(io::Error::from_raw_os_error(libc::ENOMEM)));
            assert_eq!(number(queue.selected(None)), Some(libc::ENOMEM));
            if is_closed {
                queue.closing(stream.as_fd());
            }
            assert_eq!(queue.selected(None).expect("it waits").len(), usize::from(!is_closed));
        }
    }
}

#[test]
fn a_refusal_takes_back_the_direction_that_was_accepted() {
    for receipts in [[0, libc::ENOMEM], [libc::ENOMEM, 0], [libc::EINVAL, libc::ENOMEM], [libc::ENOMEM, libc::EPIPE]] {
        let mut queue = Logic::of_script();
        let (stream, result) = queue.registered(receipts);
        assert_eq!(number(result), Some(libc::ENOMEM));
        assert_eq!(queue.log(), [ADDED, DELETED].concat());
        assert_eq!(queue.selected(None).expect("it waits"), []);
        queue.register(stream.as_fd(), TOKEN).expect("nothing is left over");
    }
}

#[test]
fn files_are_refused_before_the_kernel_is_asked() {
    let mut queue = Logic::of_script();
    let file = File::open("/etc/passwd").expect("every Unix has it");
    assert_eq!(number(queue.register(file.as_fd(), TOKEN)), Some(libc::EPERM));
    assert_eq!(queue.log(), [""; 0]);
}

#[test]
fn each_entry_says_what_holds_for_its_direction() {
    use Direction::{Read, Write};
    const BOTH: u8 = Readiness::READ_CLOSED.0 | Readiness::WRITE_CLOSED.0;
    let error = libc::ECONNRESET as u32;
    let cases = [
        (entry(Read, 0, 0), Readiness::READABLE),
        (entry(Write, 0, 0), Readiness::WRITABLE),
        // The peer has closed its half, and we can still write.
        (entry(Read, EV_EOF, 0), Readiness::READABLE | Readiness::READ_CLOSED),
        (entry(Write, EV_EOF, 0), Readiness::WRITABLE | Readiness::WRITE_CLOSED),
        // The connection has failed.
        (entry(Read, EV_EOF, error), Readiness::READABLE | Readiness(BOTH)),
        (entry(Write, EV_EOF, error), Readiness::WRITABLE | Readiness(BOTH)),
        (entry(Read, EV_ERROR, 0), Readiness::READABLE | Readiness(BOTH)),
        // Without `EV_EOF`, the field has another meaning.
        (entry(Read, 0, 1), Readiness::READABLE),
    ];
    let mut queue = Logic::of_script();
    queue.kernel.waits.push_back(Ok(cases.iter().map(|(entry, _)| *entry).collect()));
    let expected: Vec<_> = cases.iter().map(|&(_, readiness)| SelectorEvent { token: TOKEN, readiness }).collect();
    assert_eq!(queue.selected(None).expect("it waits"), expected);
}

#[test]
fn a_late_entry_keeps_the_generation_that_it_was_registered_with() {
    let mut queue = Logic::of_script();
    let tokens = [SelectorToken(1 << 32 | 5), SelectorToken(2 << 32 | 5), SelectorToken(u64::MAX)];
    let late = tokens.map(|token| Entry { token, ..entry(Direction::Read, 0, 0) });
    queue.kernel.waits.push_back(Ok(late.to_vec()));
    let events = queue.selected(None).expect("it waits");
    assert_eq!(events.iter().map(|event| event.token).collect::<Vec<_>>(), tokens);
}

#[test]
fn a_signal_ends_the_wait_with_what_had_come() {
    let interrupted = || Err(io::Error::from_raw_os_error(libc::EINTR));
    let mut queue = Logic::of_script();
    queue.kernel.waits.extend([interrupted(), Ok(vec![entry(Direction::Write, 0, 0)]), interrupted(), interrupted()]);
    assert_eq!(queue.selected(None).expect("it is none").len(), 1);
    assert_eq!(queue.selected(None).expect("nor are two"), []);
    assert_eq!(queue.log(), ["wait None", "wait Some(0ns)", "wait None", "wait Some(0ns)"]);
}

#[test]
fn a_timeout_is_handed_on_whole_up_to_what_every_kernel_can_count() {
    let mut queue = Logic::of_script();
    for timeout in [Duration::ZERO, Duration::from_nanos(1), LONGEST, LONGEST + Duration::from_nanos(1), Duration::MAX]
    {
        queue.selected(Some(timeout)).expect("it waits");
    }
    assert_eq!(
        queue.log(),
        ["wait Some(0ns)", "wait Some(1ns)"].into_iter().chain(["wait Some(100000000s)"; 3]).collect::<Vec<_>>()
    );
}
