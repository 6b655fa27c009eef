//! A child starts afresh: it can make loops of its own, and cannot use its parent's.

use std::io::{Read, Write};
use std::net;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net as unix;
use std::rc::Rc;
use std::time::Duration;

use innermost::executor::{Executor, Pending, ShutdownWait, ThreadPool, promise};
use innermost::{
    ByteRead, Coroutine, EventLoop, Exception, Protocol, Step, TcpListener, TcpStream, Transport, Watched, from_fn,
    ready, sleep, to_thread, yield_from,
};

use crate::children::{Fork, end, in_child, in_child_with, run, settle, text};
use crate::support::events::Log;

const REFUSED: &str = "this event loop belongs to the process that forked this one: make a new loop here";

pub(crate) fn inherited_loop_cannot_be_used(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let (near, _far) = unix::UnixStream::pair().unwrap();
    let told = in_child(|| {
        let runs = [
            text(event_loop.run_forever()),
            text(event_loop.run_once()),
            text(event_loop.run_until_complete(ready(1))),
            text(event_loop.add_reader(&Watched::new(&near), || ())),
            text(event_loop.add_writer(&Watched::new(&near), || ())),
        ];
        assert!(event_loop.with_fd(|fd| fd.is_none()));
        assert!(!event_loop.is_closed());
        runs.join("\n")
    });
    assert_eq!(told, [REFUSED; 5].join("\n"));
    assert_eq!(event_loop.run_until_complete(ready(1)).unwrap(), 1);
}

pub(crate) fn remote_is_refused(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    settle(&event_loop);
    let remote = event_loop.remote();
    let told = in_child(|| {
        let called = remote.call_soon_threadsafe(|| ()).unwrap_err();
        let ran = remote.run_coroutine_threadsafe(ready(1)).map(drop).unwrap_err();
        format!("{called}, {ran}, {remote:?}")
    });
    let expected = "the event loop is closed, the event loop is closed, \
                    RemoteHandle(Inbox(of the process that forked this one))";
    assert_eq!(told, expected);
    // A host would have it run now.
    let is_woken = event_loop.with_fd(|fd| fd.is_some_and(|fd| is_readable(fd.as_raw_fd())));
    assert!(!is_woken);
    remote.call_soon_threadsafe(|| EventLoop::running().expect("it runs this").stop()).unwrap();
    event_loop.run_forever().unwrap();
}

fn is_readable(fd: i32) -> bool {
    let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    #[expect(unsafe_code, reason = "there is no safe way to ask of a descriptor")]
    // SAFETY: `asked` is one entry, readable and writable, until the call returns.
    let count = unsafe { libc::poll(&raw mut asked, 1, 0) };
    count == 1
}

/// Uses a new loop in a child: waits for time, a socket and a thread.
fn works(new_loop: &dyn Fn() -> EventLoop) -> String {
    let event_loop = new_loop();
    let (near, mut far) = unix::UnixStream::pair().unwrap();
    let near = TcpStream::from_std(OwnedFd::from(near).into()).unwrap();
    event_loop.call_later(Duration::from_millis(1), move || far.write_all(b"abc").unwrap()).unwrap();
    let count = run(&event_loop, move |mut sent| {
        assert!(EventLoop::running().is_ok() && EventLoop::current().is_ok());
        yield_from!(near.recv(&mut [0; 8]), sent).map(Step::Return)
    });
    let sum = event_loop.run_until_complete(to_thread(|| Ok(1 + 1))).unwrap();
    format!("{count} bytes, sum {sum}")
}

const WORKED: &str = "3 bytes, sum 2";

pub(crate) fn forked_in_a_callback(new_loop: &dyn Fn() -> EventLoop) {
    let make = Rc::new(new_loop());
    let told = Log::default();
    let event_loop = Rc::clone(&make);
    run(&event_loop, {
        let told = told.clone();
        let is_default = move || {
            let outside = [text(EventLoop::running()), text(EventLoop::current())];
            let runs = innermost::run(sleep(Duration::ZERO)).is_ok();
            format!("{}; {}; {}", outside.join("; "), runs, works(&|| EventLoop::new().unwrap()))
        };
        move |sent| {
            sent?;
            told.add(in_child(is_default));
            assert!(EventLoop::running().is_ok());
            Ok(Step::Return(()))
        }
    });
    let expected = format!("no running event loop; There is no current event loop in thread 'main'.; true; {WORKED}");
    assert_eq!(told.take(), [expected]);
    settle(&event_loop);
}

pub(crate) fn no_current_loop(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    EventLoop::set_current(Some(event_loop.handle()));
    assert!(EventLoop::current().is_ok());
    let told = in_child(|| {
        let without = text(EventLoop::current());
        let own = new_loop();
        EventLoop::set_current(Some(own.handle()));
        assert_eq!(EventLoop::current().unwrap(), own.handle());
        without
    });
    assert_eq!(told, "There is no current event loop in thread 'main'.");
    assert_eq!(EventLoop::current().unwrap(), event_loop.handle());
    EventLoop::set_current(None);
}

pub(crate) fn returns_from_the_callback(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let forked = Rc::new(std::cell::RefCell::new(None));
    let kept = Rc::clone(&forked);
    let handle = event_loop.handle();
    event_loop
        .call_soon(move || {
            *kept.borrow_mut() = Some(Fork::new());
            // In the next turn, which the child does not have.
            let this = handle.clone();
            handle.call_soon(move || this.stop()).unwrap();
        })
        .unwrap();
    let ran = event_loop.run_forever();
    match forked.take().expect("it was called") {
        Fork::Child(tells) => {
            let again = text(event_loop.run_once());
            assert!(EventLoop::running().is_err());
            drop(event_loop);
            end(tells, &format!("{}\n{again}", text(ran)))
        }
        Fork::Parent(child) => {
            ran.unwrap();
            assert_eq!(child.told(), [REFUSED; 2].join("\n"));
            assert_eq!(event_loop.run_until_complete(ready(1)).unwrap(), 1);
        }
    }
}

pub(crate) fn socket_after_into_std(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let (near, far) = unix::UnixStream::pair().unwrap();
    let stream = Rc::new(TcpStream::from_std(OwnedFd::from(near).into()).unwrap());
    let mut used = Some(Rc::clone(&stream));
    run(&event_loop, move |sent| {
        sent?;
        let stream = used.take().expect("it is resumed once");
        assert!(matches!(stream.recv(&mut [0]).resume(Ok(()))?, Step::Yield(_)));
        Ok(Step::Return(()))
    });
    let stream = Rc::into_inner(stream).unwrap();
    let (told, (stream, mut far)) = in_child_with((stream, far), |(stream, mut far)| {
        let own = new_loop();
        let stream = TcpStream::from_std(stream.into_std().unwrap()).unwrap();
        own.call_soon(move || far.write_all(b"to the child").unwrap()).unwrap();
        let count = run(&own, move |mut sent| yield_from!(stream.recv(&mut [0; 16]), sent).map(Step::Return));
        count.to_string()
    });
    assert_eq!(told, "12");
    // The parent's loop still watches it.
    let receiving = from_fn(move |mut sent| yield_from!(stream.recv(&mut [0; 16]), sent).map(Step::Return));
    let task = event_loop.create_task(receiving).unwrap();
    settle(&event_loop);
    assert!(!task.done());
    far.write_all(b"to the parent").unwrap();
    settle(&event_loop);
    assert_eq!(task.result().unwrap(), 13);
}

struct Hello(&'static str);

impl Protocol for Hello {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(self.0.as_bytes()).unwrap();
        transport.close();
        EventLoop::running().unwrap().stop();
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

pub(crate) fn serves_on_an_inherited_listener(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let listener = net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = |event_loop: &EventLoop, name| {
        let creating = event_loop.create_server_at(move || Hello(name), listener.try_clone().unwrap());
        event_loop.run_until_complete(creating.unwrap()).unwrap()
    };
    let hello = |event_loop: &EventLoop| {
        let mut client = net::TcpStream::connect(address).unwrap();
        event_loop.run_forever().unwrap();
        settle(event_loop);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    };
    let server = serve(&event_loop, "the parent");
    let told = in_child(|| {
        server.close();
        let own = new_loop();
        let _server = serve(&own, "the child");
        hello(&own)
    });
    assert_eq!(told, "the child");
    assert_eq!(hello(&event_loop), "the parent");
    drop(server);
    let _ = TcpListener::from_std(listener).unwrap();
}

pub(crate) fn thread_pools(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let pool = ThreadPool::with(2, "worker").unwrap();
    assert_eq!(pool.submit(|| Ok(1)).unwrap().result(None).unwrap(), 1);
    assert_eq!(event_loop.run_until_complete(to_thread(|| Ok(2))).unwrap(), 2);
    let ended = ThreadPool::with(1, "ended").unwrap();
    ended.submit(|| Ok(())).unwrap().result(None).unwrap();
    ended.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    let inherited = (event_loop, pool, ended);
    let (told, (event_loop, pool, _)) = in_child_with(inherited, |(event_loop, pool, ended)| {
        let raised = text(pool.submit(|| Ok(1)).map(drop));
        pool.shutdown(Pending::Cancel, ShutdownWait::ForThreads).unwrap();
        let printed = format!("{pool:?}");
        drop((pool, ended, event_loop));
        format!("{raised}\n{printed}\n{}", works(new_loop))
    });
    let raised = "the threads of this pool run in the process that forked this one: make a new pool here";
    assert_eq!(told, format!("{raised}\nThreadPool(of the process that forked this one)\n{WORKED}"));
    assert_eq!(pool.submit(|| Ok(3)).unwrap().result(None).unwrap(), 3);
    pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    let shutting_down = event_loop.shutdown_default_executor(None);
    event_loop.run_until_complete(shutting_down).unwrap();
}

pub(crate) fn futures_of_threads(new_loop: &dyn Fn() -> EventLoop) {
    let (pool, done) = (ThreadPool::with(1, "worker").unwrap(), promise());
    let (lets_go, waits) = std::sync::mpsc::channel::<()>();
    let (begins, begun) = std::sync::mpsc::channel();
    let job = pool.submit(move || {
        begins.send(()).unwrap();
        waits.recv().map_err(|_| Exception::timeout())
    });
    let (job, promised) = (job.unwrap(), promise::<()>());
    begun.recv().unwrap();
    assert!(done.0.set_result(7).is_ok());
    let (told, (job, _)) = in_child_with((job, promised), |(job, (promise, promised))| {
        let own = new_loop();
        let mut all = vec![];
        for future in [&job, &promised] {
            all.push(text(future.result(None)));
            all.push(text(future.take_result(Some(Duration::from_secs(3600)))));
            all.push(text(future.exception(None).map(drop)));
            all.push(text(own.wrap_future(future).map(drop)));
            assert!(!future.done());
        }
        all.dedup();
        // What is done can be had, and what the child completes itself.
        assert_eq!(done.1.result(None).unwrap(), 7);
        assert!(promise.set_result(()).is_ok());
        promised.result(None).unwrap();
        all.join("\n")
    });
    let raised =
        "this future belongs to the process that forked this one, and so does the thread that would complete it";
    assert_eq!(told, raised);
    lets_go.send(()).unwrap();
    job.result(None).unwrap();
    pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
}

pub(crate) fn grandchild(new_loop: &dyn Fn() -> EventLoop) {
    let event_loop = new_loop();
    let told = in_child(|| {
        let own = new_loop();
        settle(&own);
        let told =
            in_child(|| format!("{}\n{}\n{}", text(event_loop.run_once()), text(own.run_once()), works(new_loop)));
        assert_eq!(own.run_until_complete(ready(1)).unwrap(), 1);
        told
    });
    assert_eq!(told, format!("{REFUSED}\n{REFUSED}\n{WORKED}"));
    settle(&event_loop);
}
