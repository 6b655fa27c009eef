//! How signals are caught.

use std::io::{Error, Read};
use std::sync::mpsc::channel;

use innermost::EventLoop;
use innermost::signal::{SIGRTMAX, SIGUSR1};

use super::host::{Action, errno, fault, kill, raise, set_errno};

pub(crate) fn an_invalid_signal_number_is_refused() {
    let event_loop = EventLoop::new().unwrap();
    let none = [-1, 0, SIGRTMAX() + 1, 127, 128, 129, i32::MAX, i32::MIN];
    // The C library has some for itself.
    for signal in none.into_iter().chain([libc::SIGKILL, libc::SIGSTOP, 32, 33]) {
        let raised = event_loop.add_signal_handler(signal, || {}).unwrap_err();
        let error = raised.downcast_ref::<Error>().expect("the system's");
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{signal}");
        assert!(raised.notes().eq([format!("signal {signal} does not exist or cannot be caught")]));
        assert!(!event_loop.remove_signal_handler(signal));
    }
}

pub(crate) fn interrupted_calls_resume_and_signal_stacks_are_used() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
    assert_eq!(Action::of(SIGUSR1).parts().1, libc::SA_RESTART | libc::SA_ONSTACK);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (tell, told) = channel();
    let reading = std::thread::spawn(move || {
        tell.send(()).unwrap();
        // The first error would be its result.
        reader.read(&mut [0])
    });
    told.recv().unwrap();
    for _ in 0..100 {
        kill(std::process::id().cast_signed(), SIGUSR1);
    }
    drop(writer);
    assert_eq!(reading.join().unwrap().unwrap(), 0);
}

pub(crate) fn handlers_preserve_errno() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
    // More than a pair of sockets can hold, so that the handler's own call fails.
    for errno_before in 1..2000 {
        set_errno(errno_before);
        raise(SIGUSR1);
        assert_eq!(errno(), errno_before);
    }
    // The signal without a handler.
    let ours = Action::of(SIGUSR1);
    Action::new(libc::SIG_IGN, 0, &[]).set(SIGUSR1);
    event_loop.add_signal_handler(SIGUSR1, || {}).unwrap();
    event_loop.close().unwrap();
    ours.set(SIGUSR1);
    set_errno(7);
    raise(SIGUSR1);
    assert_eq!(errno(), 7);
}

pub(crate) fn a_fault_ends_the_program_despite_a_handler() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.add_signal_handler(libc::SIGILL, || println!("handled")).unwrap();
    // A signal that is sent is no fault.
    raise(libc::SIGILL);
    event_loop.run_once().unwrap();
    fault();
}
