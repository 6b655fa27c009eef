//! The programs that the processes run.

use std::fmt;
use std::io::{self, Write};
use std::net::TcpStream;
use std::process::{ExitCode, Termination};

use innermost::transport::CreateServer;
use innermost::{
    Await, Coroutine, EventLoop, Exception, Kind, LoopHandle, Protocol, Runner, Step, StreamReader, StreamWriter,
    Transport, exit_code, from_fn, lazy, ready, run, spawn, yield_from,
};

use crate::support::events::{Answer, Body, Oops, awaits, body, pauses, raises, returns, sleeps};

pub(crate) const PROGRAMS: &[(&str, fn())] = &[
    ("lets the cancel pass", || say_end(run(waits(|_, got| got.and_then(returns))))),
    ("catches the cancel and returns", || say_end(run(waits(|_, _| returns(7))))),
    ("catches the cancel and raises", || say_end(run(waits(|_, _| raises(Oops(1)))))),
    ("is cancelled by another too", is_cancelled_by_another_too),
    ("ignores every cancel", || say_end(run(waits(|_, got| ignores_cancels(got))))),
    ("leaves one that ignores every cancel", leaves_one_that_ignores_every_cancel),
    ("gets one in closing as a task raises another", gets_one_in_closing_as_a_task_raises_another),
    ("is stuck", || say_end(run(body(|_, _| stuck("ready"))))),
    ("is stuck after the cancel", || say_end(run(waits(|_, _| stuck("stuck"))))),
    ("gets one in its last step", gets_one_in_its_last_step),
    ("gets one in the last turn", || say_end(run(gets_one_in_the_last_turn(returns(1))))),
    ("gets one in the last turn and fails", gets_one_in_the_last_turn_and_fails),
    ("gets one in the last turn of closing", gets_one_in_the_last_turn_of_closing),
    ("has run", has_run),
    ("ignores Ctrl-C from the start", ignores_ctrl_c_from_the_start),
    ("has a handler before the run", has_a_handler_before_the_run),
    ("sets a handler in the run", sets_a_handler_in_the_run),
    ("removes the handler in the run", removes_the_handler_in_the_run),
    ("runs again and again", runs_again_and_again),
    ("runs in another thread", runs_in_another_thread),
    ("serves protocols", || serves(|event_loop| event_loop.create_server(|| Silent, ANY))),
    ("serves streams", || serves(|event_loop| event_loop.start_server(reads_to_the_end, ANY))),
];

/// The return value of `main` after a Ctrl-C.
pub(crate) const MAINS: &[(&str, Main)] = &[
    ("ends with exit_code", || exit_code(run(waits(|_, got| got.and_then(returns))))),
    ("raises and ends with exit_code", || exit_code(run(waits(|_, _| raises(no_luck()))))),
    ("returns and ends with exit_code", || exit_code(run(waits(|_, _| returns(7))))),
    ("ends with the exception", || run(waits(|_, got| got.and_then(returns))).map(drop).report()),
];

type Main = fn() -> ExitCode;

fn no_luck() -> Exception {
    Exception::caused_by(Kind::RuntimeError, "no luck", Oops(1).into()).with_note("in vain")
}

/// Prints a line for the test.
fn say(line: impl fmt::Display) {
    println!("{line}");
    io::stdout().flush().expect("the test reads it");
}

fn say_end<T: fmt::Debug>(outcome: Result<T, Exception>) {
    match outcome {
        Ok(value) => say(format_args!("returned {value:?}")),
        Err(raised) => say(format_args!("raised {:?}: {raised}", raised.kind())),
    }
}

/// Says that it is ready and waits for ever. What is raised there it says too, and goes on as `next` tells.
fn waits(mut next: impl FnMut(u32, Result<i32, Exception>) -> Answer + 'static) -> Body {
    body(move |n, got| {
        if n == 0 {
            EventLoop::running()?.set_exception_handler(|context| say(&context.message));
            say("ready");
            return sleeps(1_000_000);
        }
        if let Err(raised) = &got {
            say(format_args!("{:?}", raised.kind()));
        }
        next(n, got)
    })
}

fn ignores_cancels(got: Result<i32, Exception>) -> Answer {
    match got {
        Err(raised) if raised.is_generator_exit() => Err(raised),
        _ => sleeps(1_000_000),
    }
}

/// A step that never returns.
fn stuck(line: &str) -> ! {
    say(line);
    loop {
        std::thread::park();
    }
}

fn is_cancelled_by_another_too() {
    say_end(run(waits(|n, got| {
        if n == 1 {
            EventLoop::running()?.current_task().expect("a task runs").cancel();
            return pauses();
        }
        got.and_then(returns)
    })));
}

fn leaves_one_that_ignores_every_cancel() {
    let left = || {
        body(|n, got| {
            if n > 0 {
                let kind = got.as_ref().map_err(Exception::kind);
                say(format_args!("left: {:?}", kind.unwrap_err()));
            }
            ignores_cancels(got)
        })
    };
    say_end(run(waits(move |n, _| {
        if n == 1 {
            spawn(left())?;
            return pauses();
        }
        raises(Exception::cancelled())
    })));
}

fn gets_one_in_closing_as_a_task_raises_another() {
    let mut runner = Runner::new();
    let event_loop = runner.handle().unwrap();
    event_loop.set_exception_handler(|_| {});
    let raises_another = body(|n, _| match n {
        0 => sleeps(1_000_000),
        1 => {
            send_ctrl_c_to_oneself();
            pauses()
        }
        _ => raises(Exception::message(Kind::KeyboardInterrupt, "another")),
    });
    event_loop.create_task(raises_another).unwrap();
    event_loop.create_task(body(|_, got| ignores_cancels(got))).unwrap();
    assert_eq!(runner.run(ready(1)).unwrap(), 1);
    say_end(runner.close());
}

fn gets_one_in_its_last_step() {
    say_end(run(body(|_, _| {
        send_ctrl_c_to_oneself();
        returns(1)
    })));
}

/// When the selector has been asked for the last time.
fn gets_one_in_the_last_turn(answer: Answer) -> Body {
    let mut answer = Some(answer);
    body(move |_, _| {
        EventLoop::running()?.call_soon(send_ctrl_c_to_oneself)?;
        answer.take().expect("this is the last step")
    })
}

fn gets_one_in_the_last_turn_and_fails() {
    let outcome = run(gets_one_in_the_last_turn(raises(Oops(1))));
    let cause = outcome.as_ref().unwrap_err().cause().cloned();
    say_end(outcome);
    say(format_args!("because of {:?}", cause.expect("it failed")));
}

fn gets_one_in_the_last_turn_of_closing() {
    let mut runner = Runner::new();
    let left = body(|n, _| {
        if n == 0 {
            return sleeps(1_000_000);
        }
        // Once what waits for the task was told, and before who waits for that.
        let last = || drop(EventLoop::running().map(|event_loop| event_loop.call_soon(send_ctrl_c_to_oneself)));
        EventLoop::running()?.call_soon(last)?;
        returns(0)
    });
    runner.handle().unwrap().create_task(left).unwrap();
    assert_eq!(runner.run(ready(1)).unwrap(), 1);
    say_end(runner.close());
}

fn has_run() {
    assert_eq!(run(ready(5)).unwrap(), 5);
    stuck("ready");
}

fn ignores_ctrl_c_from_the_start() {
    #[expect(unsafe_code, reason = "there is no safe way to ignore a signal")]
    // SAFETY: it is a signal, and no handler.
    let former = unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
    assert_eq!(former, libc::SIG_DFL);
    say_end(run(body(|n, _| {
        send_ctrl_c_to_oneself();
        if n == 0 { pauses() } else { returns(1) }
    })));
}

/// Awaits a future, and says that it is ready.
fn waits_for(future: innermost::Future<i32>) -> Body {
    body(move |n, got| {
        if n > 0 {
            return got.and_then(returns);
        }
        say("ready");
        awaits(future.clone())
    })
}

fn has_a_handler_before_the_run() {
    let mut runner = Runner::new();
    let event_loop = runner.handle().unwrap();
    let future = event_loop.create_future();
    let setter = future.clone();
    event_loop.add_signal_handler(libc::SIGINT, move || setter.set_result(3).expect("one signal comes")).unwrap();
    say_end(runner.run(waits_for(future)));
}

/// It is there for the next run as well.
fn sets_a_handler_in_the_run() {
    let mut runner = Runner::new();
    for value in [4, 5] {
        let event_loop = runner.handle().unwrap();
        let future = event_loop.create_future();
        let setter = future.clone();
        let set = lazy(move || {
            let handler = move || setter.set_result(value).expect("one signal a run comes");
            event_loop.add_signal_handler(libc::SIGINT, handler).expect("it is ours");
            say("ready");
            future
        });
        say_end(runner.run(set));
    }
}

fn removes_the_handler_in_the_run() {
    say_end(run(body(|_, _| {
        assert!(EventLoop::running()?.remove_signal_handler(libc::SIGINT));
        stuck("ready")
    })));
}

fn runs_again_and_again() {
    let mut runner = Runner::new();
    for _ in 0..2 {
        say_end(runner.run(waits(|_, got| got.and_then(returns))));
    }
    say_end(runner.run(waits(|n, got| if n == 1 { sleeps(1_000_000) } else { got.and_then(returns) })));
    say_end(runner.run(ready(9)));
    say_end(runner.close());
}

fn runs_in_another_thread() {
    let elsewhere = || say_end(run(waits(|_, got| got.and_then(returns))));
    std::thread::spawn(elsewhere).join().expect("it says how it ends");
}

/// Any port of this machine.
const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// Keeps a connection and says nothing.
struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

fn reads_to_the_end(
    reader: StreamReader,
    writer: StreamWriter,
) -> impl Coroutine<Yield = Await, Input = (), Return = ()> {
    from_fn(move |mut sent| {
        let _stays_open = &writer;
        let read = yield_from!(reader.read_to_end(), sent)?;
        say(format_args!("client: {read:?}"));
        Ok(Step::Return(()))
    })
}

/// Serves a client that never says anything.
fn serves(make: impl Fn(&LoopHandle) -> CreateServer) {
    let mut runner = Runner::new();
    let event_loop = runner.handle().unwrap();
    let server = runner.run(make(&event_loop)).unwrap();
    let client = TcpStream::connect(server.local_addrs()[0]).unwrap();
    let watched = server.clone();
    let says_when_it_is_connected = body(move |_, _| {
        if watched.clients().is_empty() {
            return pauses();
        }
        say("ready");
        returns(0)
    });
    event_loop.create_task(says_when_it_is_connected).unwrap();
    say_end(runner.run(server.serve_forever()));
    drop(client);
}

fn send_ctrl_c_to_oneself() {
    #[expect(unsafe_code, reason = "there is no safe way to send a signal to oneself")]
    // SAFETY: it takes no pointer, and any number.
    let result = unsafe { libc::raise(libc::SIGINT) };
    assert_eq!(result, 0);
}
