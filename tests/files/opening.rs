//! Opening and closing: options, what is refused, descriptors, and threads.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use innermost::fs::{File, OpenOptions, blocking, open, read, read_to_string, write};
use innermost::{EventLoop, Exception, Kind, to_thread};

use crate::help::*;

#[test]
fn options_mean_what_they_mean_in_the_standard_library() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.file("old");
    let open_kind = |options| open_in(&event_loop, &path, options).map(drop).map_err(|raised| kind(&raised));
    assert_eq!(open_kind(OpenOptions::new()), Err(ErrorKind::InvalidInput));
    assert_eq!(open_kind(OpenOptions::new().write(true).create_new(true)), Err(ErrorKind::AlreadyExists));
    assert_eq!(open_kind(OpenOptions::new().write(true)), Ok(()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(open_kind(OpenOptions::new().write(true).truncate(true)), Ok(()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    let private = place.path().join("private");
    open_in(&event_loop, &private, OpenOptions::new().write(true).create(true).mode(0o600)).unwrap();
    assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    let link = place.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    // `O_NOFOLLOW`
    let flags = if cfg!(target_os = "linux") { 0o400_000 } else { 0x100 };
    assert!(open_in(&event_loop, &link, OpenOptions::new().read(true).custom_flags(flags)).is_err());
}

#[test]
fn what_would_wait_for_ever_is_refused_and_the_error_says_what_to_use() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let fifo = place.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let socket = place.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    for path in [&fifo, &socket] {
        let refusals = [
            event_loop.run_until_complete(open(path, OpenOptions::new().read(true))).map(drop),
            event_loop.run_until_complete(open(path, OpenOptions::new().write(true))).map(drop),
            event_loop.run_until_complete(read(path)).map(drop),
            event_loop.run_until_complete(write(path, "text")),
        ];
        for raised in refusals.map(Result::unwrap_err) {
            assert_eq!(kind(&raised), ErrorKind::InvalidInput, "{raised:?}");
            assert!(raised.to_string().contains("PipeReader"), "{raised}");
            assert!(notes(&raised).ends_with(&format!("{path:?}")), "{raised:?}");
        }
    }
    let (reader, _writer) = std::io::pipe().unwrap();
    let file = fs::File::from(std::os::fd::OwnedFd::from(reader));
    assert_eq!(File::from_std(file, "pipe").unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// A writer that waits for a reader must not be woken by a refusal: what it writes would be lost.
#[test]
fn a_refused_fifo_is_not_opened() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let fifo = place.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let path = fifo.clone();
    let writer = std::thread::spawn(move || fs::write(path, "kept"));
    assert!(event_loop.run_until_complete(read(&fifo)).is_err());
    assert_eq!(fs::read_to_string(&fifo).unwrap(), "kept");
    writer.join().unwrap().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_is_refused_and_does_not_become_that_of_the_process() {
    let event_loop = strict_loop();
    // `O_NOCTTY`: opening the other end of a new terminal.
    let Ok(master) = fs::OpenOptions::new().read(true).write(true).custom_flags(0o400).open("/dev/ptmx") else {
        return;
    };
    let raised = event_loop.run_until_complete(open("/dev/ptmx", OpenOptions::new().read(true))).map(drop).unwrap_err();
    assert!(raised.to_string().contains("a terminal"), "{raised}");
    drop(master);
}

#[test]
fn devices_that_answer_at_once_are_files() {
    let event_loop = strict_loop();
    let zero = open_in(&event_loop, "/dev/zero".as_ref(), OpenOptions::new().read(true)).unwrap();
    assert_eq!(event_loop.run_until_complete(reading(&zero)).unwrap(), 65536);
    let null = open_in(&event_loop, "/dev/null".as_ref(), OpenOptions::new().read(true).write(true)).unwrap();
    assert_eq!(event_loop.run_until_complete(reading(&null)).unwrap(), 0);
    fill(&null, b"gone");
    event_loop.run_until_complete(writing(&null)).unwrap();
}

#[test]
fn a_directory_can_be_opened_and_not_read() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let directory = open_in(&event_loop, place.path(), OpenOptions::new().read(true)).unwrap();
    let raised = event_loop.run_until_complete(reading(&directory)).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::IsADirectory, format!("reading {:?}", place.path())));
}

#[test]
fn errors_name_the_operation_and_the_path() {
    let event_loop = strict_loop();
    let raised =
        event_loop.run_until_complete(open("no/such/file", OpenOptions::new().read(true))).map(drop).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::NotFound, "opening \"no/such/file\"".to_owned()));
    let raised = event_loop.run_until_complete(read_to_string("zero\0byte")).unwrap_err();
    assert_eq!((kind(&raised), notes(&raised)), (ErrorKind::InvalidInput, "reading \"zero\\0byte\"".to_owned()));
}

#[test]
fn names_need_not_be_text() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let path = place.path().join(OsStr::from_bytes(b"\xff\xfe\n"));
    event_loop.run_until_complete(write(&path, "odd")).unwrap();
    assert_eq!(event_loop.run_until_complete(read(&path)).unwrap(), b"odd");
    fs::remove_file(&path).unwrap();
    let raised = event_loop.run_until_complete(read(&path)).unwrap_err();
    assert!(notes(&raised).ends_with("\\xFF\\xFE\\n\""), "{raised:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_are_closed_on_exec_and_never_wait() {
    let (event_loop, place) = (strict_loop(), Place::new());
    let file = open_in(&event_loop, &place.file("text"), OpenOptions::new().read(true)).unwrap();
    let number = file.borrow().0.as_fd().as_raw_fd();
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    let flags = u32::from_str_radix(flags, 8).unwrap();
    assert_eq!(flags & 0o2_004_000, 0o2_004_000, "O_CLOEXEC and O_NONBLOCK in {flags:o}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_dropped_file_is_closed_by_a_thread_and_a_closed_one_once() {
    let ((event_loop, desk), place) = (loop_with_desk(), Place::new());
    let path = place.file("text");
    let is_open = || is_open(&path);
    let file = opened(&path);
    // The first job makes the file the loop's.
    let job = event_loop.create_task(reading(&file)).unwrap();
    settle(&event_loop);
    desk.run();
    event_loop.run_until_complete(job).unwrap();
    drop(file);
    assert_eq!((is_open(), desk.waiting()), (true, 1));
    desk.run();
    assert!(!is_open());

    let file = File::from_std(fs::File::open(&path).unwrap(), &path).unwrap();
    let closing = event_loop.create_task(file.close()).unwrap();
    settle(&event_loop);
    assert_eq!((is_open(), desk.run()), (true, 1));
    event_loop.run_until_complete(closing).unwrap();
    assert!(!is_open());
    assert_eq!(desk.waiting(), 0);
}

#[test]
fn files_have_threads_of_their_own_that_start_when_needed_and_end_with_the_loop() {
    let event_loop = EventLoop::new().unwrap();
    let name = || Ok(std::thread::current().name().unwrap_or_default().to_owned());
    assert_eq!(event_loop.run_until_complete(to_thread(name)).unwrap(), "innermost_0");
    assert_eq!(event_loop.run_until_complete(blocking(name)).unwrap(), "innermost_fs_0");
    let place = Place::new();
    let file = open_in(&event_loop, &place.file("text"), OpenOptions::new().read(true)).unwrap();
    event_loop.close().unwrap();
    // It is closed here, as there are no threads any more.
    drop(file);
}

#[test]
fn a_function_that_panics_fails_its_task_alone() {
    let event_loop = strict_loop();
    let raised = event_loop.run_until_complete(blocking::<(), _>(|| panic!("oh no"))).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string()), (Kind::Panic, "oh no".to_owned()));
    let raised = event_loop.run_until_complete(blocking::<(), _>(|| Err(Exception::timeout()))).unwrap_err();
    assert_eq!(raised.kind(), Kind::TimeoutError);
    assert!(event_loop.run_until_complete(read("Cargo.toml")).is_ok());
}

#[test]
fn an_executor_that_refuses_raises_and_gives_the_bytes_back() {
    use innermost::executor::{Executor, Pending, ShutdownWait, ThreadPool};

    let (event_loop, place) = (strict_loop(), Place::new());
    let pool = std::sync::Arc::new(ThreadPool::new());
    event_loop.set_file_executor(std::sync::Arc::clone(&pool));
    pool.shutdown(Pending::Run, ShutdownWait::No).unwrap();
    let raised = event_loop.run_until_complete(read(Path::new("Cargo.toml"))).unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    let file = opened(&place.file(""));
    fill(&file, b"kept");
    assert_eq!(event_loop.run_until_complete(writing(&file)).unwrap_err().kind(), Kind::RuntimeError);
    assert_eq!(bytes(&file), b"kept");
}
