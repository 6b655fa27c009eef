//! T21, T26: what a task reports about itself.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::{
    AnyTask, Await, Call, Coroutine, EventLoop, Exception, Future, Resumed, State, Step, Task, ready, yield_from,
};

use crate::support::clock::test_loop;
use crate::support::events::{Log, awaits, body, pauses, pausing, returns, run};
use crate::tasks::bodies::{Frames, me};

// T21
#[test]
fn the_current_task_is_the_one_that_runs() {
    let (event_loop, log) = (test_loop(), Log::default());
    assert!(event_loop.current_task().is_none());
    let current = |log: &Log| {
        let current = EventLoop::running().expect("a loop runs").current_task();
        log.add(current.map_or_else(|| "nobody".into(), |task| task.name()));
    };
    let task = |panics: bool| {
        let log = log.clone();
        body(move |n, _| {
            current(&log);
            assert!(!panics, "on purpose");
            if n == 0 { pauses() } else { returns(0) }
        })
    };
    let first = event_loop.create_task(task(false)).unwrap();
    let entries = log.clone();
    first.add_done_callback(move |_| current(&entries));
    event_loop.create_task(task(true)).unwrap();
    let entries = log.clone();
    event_loop.call_soon(move || current(&entries)).unwrap();
    event_loop.create_task(task(false)).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["Task-1", "Task-2", "nobody", "Task-3", "Task-1", "Task-3", "nobody"]);
    assert!(event_loop.current_task().is_none());
}

// T21
#[test]
fn no_task_is_current_after_a_panicked_one_was_replaced() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.create_task(body(|_, _| panic!("in a task"))).unwrap();
    let (entries, handle) = (log.clone(), event_loop.handle());
    let comes = move || {
        let another = handle.create_task(pausing(1)).expect("the loop is open");
        entries.add(format_args!("{:?}", handle.current_task()));
        assert!(another.done(), "in a callback");
    };
    event_loop.call_soon(comes).unwrap();
    run(&event_loop, 1);
    assert_eq!(
        log.take(),
        ["Task exception was never retrieved: in a task", "None", "Exception in callback: in a callback"]
    );
}

// T26
#[test]
fn a_stack_trace_shows_frames_outermost_first_and_what_is_awaited() {
    #[derive(Debug)]
    enum Phase {
        Created,
        Reading,
    }
    struct Session {
        phase: Phase,
        child: Call<Reader>,
    }
    struct Reader(Future<i32>);
    impl Coroutine for Session {
        type Yield = Await;
        type Input = ();
        type Return = i32;
        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            self.phase = Phase::Reading;
            yield_from!(self.child, sent).map(Step::Return)
        }
        fn state(&self) -> State<'_> {
            State::new("Session", &self.phase)
        }
    }
    impl Coroutine for Reader {
        type Yield = Await;
        type Input = ();
        type Return = i32;
        fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
            yield_from!(self.0, sent).map(Step::Return)
        }
        fn state(&self) -> State<'_> {
            State::new("Reader", &"waiting").delegating_to(self.0.state())
        }
    }
    let event_loop = test_loop();
    let future = event_loop.create_future();
    let session = Session { phase: Phase::Created, child: Call::new(Reader(future.clone())) };
    let task = event_loop.create_task(session).unwrap();
    assert_eq!(task.any().stack_trace().to_string(), "Session: Created");
    run(&event_loop, 1);
    let trace = task.any().stack_trace();
    assert_eq!(trace.frames(), ["Session: Reading", "Reader: \"waiting\" > Future: Future(pending)"]);
    assert_eq!(trace.yielded(), Some("Future(pending)"));
    future.set_result(1).unwrap();
    run(&event_loop, 1);
    assert_eq!(task.stack_trace_frames(), [""; 0]);
    assert_eq!(task.any().stack_trace().yielded(), None);
}

// T26
#[test]
fn a_stack_trace_shows_nothing_awaited_if_nothing_is() {
    let event_loop = test_loop();
    let future = event_loop.create_future();
    future.set_result(0).unwrap();
    let later = event_loop.create_future::<i32>();
    let awaited = later.clone();
    let task = event_loop.create_task(body(move |n, _| match n {
        0 => awaits(awaited.clone()),
        _ => pauses(),
    }));
    let task = task.unwrap();
    run(&event_loop, 1);
    assert_eq!(task.any().stack_trace().yielded(), Some("Future(pending)"));
    later.set_result(1).unwrap();
    run(&event_loop, 2);
    let yielded = task.any().stack_trace().yielded().map(String::from);
    assert!(matches!(yielded.as_deref(), None | Some("NextTurn")), "{yielded:?}");
}

// T26
#[test]
fn the_stack_trace_of_a_running_task_says_so() {
    let event_loop = test_loop();
    let traces = Log::default();
    let seen = traces.clone();
    let task = body(move |_, _| {
        seen.add(me().stack_trace());
        returns(0)
    });
    event_loop.run_until_complete(task).unwrap();
    let traces = traces.take();
    assert!(traces.len() == 1 && traces[0].ends_with(" (running)"), "{traces:?}");
}

// T26
#[test]
fn a_task_prints_its_stack_or_the_exception_that_ended_it() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let printed = |task: &Task<i32>| {
        let mut text = Vec::new();
        task.print_stack(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    };
    let future = event_loop.create_future::<i32>();
    let task = event_loop.task().name("reader").spawn(future.clone()).unwrap();
    assert_eq!(printed(&task), "Stack for Task(reader, pending) (innermost last):\n  Future: Future(pending)\n");
    assert_eq!(format!("{task:#?}"), "Task(reader, pending)");
    run(&event_loop, 1);
    assert_eq!(
        printed(&task),
        "Stack for Task(reader, pending) (innermost last):\n  Future: Future(pending)\n    yielded Future(pending)\n"
    );
    assert_eq!(format!("{task:#?}"), "Task(reader, pending, waits for Future(pending))");
    future.set_exception(Exception::timeout()).unwrap();
    run(&event_loop, 1);
    assert!(printed(&task).starts_with("No stack for Task(reader, failed): TimeoutError"), "{}", printed(&task));
    let done = event_loop.task().name("done").spawn(ready(7)).unwrap();
    run(&event_loop, 0);
    assert_eq!(printed(&done), "No stack for Task(done, finished)\n");
    // To print it is not to retrieve it.
    drop(task);
    assert!(log.take()[0].starts_with("Task exception was never retrieved"));
}

// A circle of two that wait for each other, each printed with what it waits for.
#[test]
fn tasks_waiting_for_each_other_can_be_printed() {
    let event_loop = test_loop();
    let slot = Rc::new(RefCell::new(None::<Task<i32>>));
    let other = Rc::clone(&slot);
    let waits = body(move |n, got| if n == 0 { awaits(other.take().unwrap()) } else { got.and_then(returns) });
    let first = event_loop.create_task(waits).unwrap();
    let second = event_loop.create_task(first.clone()).unwrap();
    slot.replace(Some(second.clone()));
    run(&event_loop, 1);
    assert_eq!(format!("{first:#?}"), "Task(Task-1, pending, waits for Task(Task-2, pending))");
    assert_eq!(format!("{second:#?}"), "Task(Task-2, pending, waits for Task(Task-1, pending))");
    first.cancel();
    run(&event_loop, 2);
}

#[test]
fn unnamed_tasks_are_named_by_number() {
    let event_loop = test_loop();
    let (first, second) = (event_loop.create_task(ready(())).unwrap(), event_loop.create_task(ready(())).unwrap());
    assert_eq!((first.any().name().as_str(), second.any().name().as_str()), ("Task-1", "Task-2"));
    second.any().set_name("reader");
    assert_eq!(second.any().name(), "reader");
    second.any().set_name(String::from("writer"));
    assert_eq!(second.any().name(), "writer");
    assert_eq!(format!("{first:?} {:?}", second.any()), "Task(Task-1, pending) Task(writer, pending)");
    assert_eq!(event_loop.create_task(ready(())).unwrap().any().name(), "Task-3");
    // Numbers are a loop's own.
    assert_eq!(test_loop().create_task(ready(())).unwrap().any().name(), "Task-1");
    run(&event_loop, 1);
    assert_eq!(format!("{first:?}"), "Task(Task-1, finished)");
}

#[test]
fn all_tasks_lists_unfinished_tasks_oldest_first() {
    let event_loop = test_loop();
    let names = || event_loop.all_tasks().iter().map(AnyTask::name).collect::<Vec<_>>();
    let tasks: Vec<_> = (0..4).map(|n| event_loop.create_task(pausing(n)).unwrap()).collect();
    assert_eq!(names(), ["Task-1", "Task-2", "Task-3", "Task-4"]);
    event_loop.run_until_complete(tasks[1].clone()).unwrap();
    assert_eq!(names(), ["Task-4"]);
    // Theirs are used again: the order is that of age nevertheless.
    event_loop.create_task(pausing(9)).unwrap();
    event_loop.create_task(pausing(9)).unwrap();
    assert_eq!(names(), ["Task-4", "Task-5", "Task-6"]);
    assert!(event_loop.all_tasks()[0].is(&tasks[3].any()));
}

#[test]
#[expect(clippy::mutable_key_type, reason = "compared by identity, which never changes")]
fn handles_hash_and_compare_by_identity() {
    use std::collections::HashSet;
    let event_loop = test_loop();
    let tasks = [event_loop.create_task(ready(1)).unwrap(), event_loop.create_task(ready(1)).unwrap()];
    let typed: HashSet<_> = tasks.iter().chain(&tasks).cloned().collect();
    let results: [Future<i32>; 2] = [event_loop.create_future(), event_loop.create_future()];
    assert!(results[0] == results[0].clone() && results[0] != results[1]);
    assert_eq!((typed.len(), results.into_iter().collect::<HashSet<_>>().len()), (2, 2));
    let handles: HashSet<_> = tasks.iter().chain(&tasks).map(|task| task.any()).collect();
    let futures: HashSet<_> = tasks.iter().chain(&tasks).map(|task| task.any_future()).collect();
    let loops = HashSet::from([event_loop.handle(), event_loop.handle()]);
    assert_eq!((handles.len(), futures.len(), loops.len()), (2, 2, 1));
    let context = tasks[0].context();
    assert!(context == tasks[0].context() && context != context.copy() && context != tasks[1].context());
}
