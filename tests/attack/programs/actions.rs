//! Performs each operation.

use std::rc::Rc;
use std::time::Duration;

use innermost::context::copy_context;
use innermost::queue::Shutdown;
use innermost::task::{ErrorContext, Start, eager_task_factory};
use innermost::{Exception, LoopHandle, sleep};

use super::bodies::{Body, Generator, Oops, Producing, Token, Value};
use super::ledger::Call;
use super::operations::{Line, Operation, Script};
use super::waits::VARIABLE;
use super::world::{World, visit, world};

/// The script of each exception handler.
pub(super) fn told(context: &ErrorContext, script: Script) {
    if let Some(Oops(number)) = context.exception.as_ref().and_then(Exception::downcast_ref::<Oops>) {
        world().ledger.told(*number);
    }
    visit(script);
}

fn millis(count: u8) -> Duration {
    Duration::from_millis(count.into())
}

/// The body of a callback. It returns a value of the user's.
fn callback(token: Token, script: Script) -> impl FnOnce() {
    let value = Value::new(script);
    move || {
        token.called();
        visit(script);
        drop(value);
    }
}

impl World {
    /// Performs an operation, and ignores its outcome.
    pub(super) fn perform(&self, line: Line) {
        let Some(event_loop) = self.handle(line.event_loop) else { return };
        self.perform_on_loop(&event_loop, line.event_loop, line.operation);
        self.perform_on_futures(&event_loop, line.event_loop, line.operation);
        self.perform_on_tasks(&event_loop, line.event_loop, line.operation);
        self.perform_on_the_rest(line.operation);
    }

    fn perform_on_loop(&self, event_loop: &LoopHandle, number: u8, operation: Operation) {
        match operation {
            Operation::CallSoon(script) => {
                let token = Token(self.ledger.expect(Call::Soon(number)));
                let id = token.0;
                if let Ok(handle) = event_loop.call_soon(callback(token, script)) {
                    self.soon.push((id, handle));
                }
            }
            Operation::CallSoonRaising(script) => {
                let calls = callback(Token(self.ledger.expect(Call::Soon(number))), script);
                let _ = event_loop.call_soon(move || {
                    calls();
                    let oops = world().ledger.number();
                    world().ledger.owe(oops);
                    Err(Exception::new(Oops(oops)))
                });
            }
            Operation::CallLater(time, script) => {
                let deadline = event_loop.time() + millis(time);
                let token = Token(self.ledger.expect(Call::At(number, deadline.since_zero())));
                let id = token.0;
                if let Ok(timer) = event_loop.call_at(deadline, callback(token, script)) {
                    self.timers.push((id, timer));
                }
            }
            Operation::CallThreadsafe(script) => {
                let _ = event_loop.remote().call_soon_threadsafe(move || visit(script));
            }
            Operation::CancelHandle(which) => {
                if let Some((id, handle)) = self.soon.pick(which) {
                    self.ledger.forget(id);
                    handle.cancel();
                }
            }
            Operation::CancelTimer(which) => {
                if let Some((id, timer)) = self.timers.pick(which) {
                    self.ledger.forget(id);
                    timer.cancel();
                }
            }
            _ => self.run_loop(event_loop, number, operation),
        }
    }

    fn run_loop(&self, event_loop: &LoopHandle, number: u8, operation: Operation) {
        match operation {
            Operation::Stop => event_loop.stop(),
            Operation::RunOnce => drop(event_loop.run_once()),
            Operation::RunFor(time) => drop(event_loop.run_until_complete(sleep(millis(time)))),
            Operation::RunForever => drop(event_loop.run_forever()),
            Operation::RunScript(script) => drop(event_loop.run_until_complete(Body::new(script, script))),
            Operation::Close => drop(event_loop.close()),
            Operation::DropLoop => drop(self.loops[usize::from(number)].take()),
            Operation::SetHandler(script) => {
                let value = Value::new(script);
                event_loop.set_exception_handler(move |context| {
                    let _held = &value;
                    told(context, script);
                });
            }
            Operation::CallHandler => event_loop.call_exception_handler(ErrorContext::new("a test")),
            Operation::SetFactory(how, script) => event_loop.set_task_factory(match how % 3 {
                0 => None,
                1 => Some(Rc::new(eager_task_factory)),
                _ => {
                    let value = Value::new(script);
                    Some(Rc::new(move |_| {
                        let _held = &value;
                        visit(script);
                        Ok(())
                    }))
                }
            }),
            Operation::PrintLoop => drop(format!("{event_loop:?}")),
            _ => {}
        }
    }

    fn perform_on_futures(&self, event_loop: &LoopHandle, number: u8, operation: Operation) {
        match operation {
            Operation::NewFuture => self.futures.push((self.ledger.future(number), event_loop.create_future())),
            Operation::SetResult(which, script) => {
                if let Some((id, future)) = self.futures.pick(which)
                    && future.set_result(Value::new(script)).is_ok()
                {
                    self.ledger.future_is_done(id);
                }
            }
            Operation::SetException(which) => {
                if let Some((id, future)) = self.futures.pick(which)
                    && future.set_exception(Exception::new(Oops(0))).is_ok()
                {
                    self.ledger.future_is_done(id);
                }
            }
            Operation::LoseException => {
                let oops = self.ledger.number();
                if !event_loop.is_closed() {
                    self.ledger.owe(oops);
                }
                drop(event_loop.create_future::<Value>().set_exception(Exception::new(Oops(oops))));
            }
            Operation::CancelFuture(which) => {
                if let Some((id, future)) = self.futures.pick(which)
                    && future.cancel()
                {
                    self.ledger.future_is_done(id);
                }
            }
            Operation::DropFuture(which) => drop(self.futures.take(which)),
            Operation::Result(which) => drop(self.futures.pick(which).map(|(_, future)| future.result())),
            Operation::TakeResult(which) => drop(self.futures.pick(which).map(|(_, future)| future.take_result())),
            Operation::PrintFuture(which) => drop(self.futures.pick(which).map(|future| format!("{future:?}"))),
            Operation::AddCallback(which, script) => {
                if let Some((id, future)) = self.futures.pick(which) {
                    let token = Token(self.ledger.expect(Call::Done((id % 2) as u8, id)));
                    let (call, calls) = (token.0, callback(token, script));
                    let callback = future.add_done_callback(move |_| calls());
                    self.callbacks.push((call, future, callback));
                }
            }
            Operation::RemoveCallback(which) => {
                if let Some((call, future, callback)) = self.callbacks.pick(which) {
                    let expected = self.ledger.forget(call);
                    if !future.remove_done_callback(callback) {
                        expected.into_iter().for_each(|expected| self.ledger.expect_again(call, expected));
                    }
                }
            }
            _ => {}
        }
    }

    fn perform_on_tasks(&self, event_loop: &LoopHandle, number: u8, operation: Operation) {
        match operation {
            Operation::Spawn(script, value) => {
                if let Ok(task) = event_loop.create_task(Body::new(script, value)) {
                    self.tasks.push((self.ledger.future(number), task));
                }
            }
            Operation::SpawnEager(script, value) => {
                if let Ok(task) = event_loop.task().start(Start::Eager).spawn(Body::new(script, value)) {
                    self.tasks.push((self.ledger.future(number), task));
                }
            }
            Operation::SpawnFailing(value) => drop(event_loop.create_task(Body::failing(value))),
            Operation::CancelTask(which) => drop(self.tasks.pick(which).map(|(_, task)| task.cancel())),
            Operation::Uncancel(which) => drop(self.tasks.pick(which).map(|(_, task)| task.uncancel())),
            Operation::DropTask(which) => drop(self.tasks.take(which)),
            Operation::TaskResult(which) => drop(self.tasks.pick(which).map(|(_, task)| task.result())),
            Operation::AddTaskCallback(which, script) => {
                if let Some((id, task)) = self.tasks.pick(which) {
                    let calls = callback(Token(self.ledger.expect(Call::Done((id % 2) as u8, id))), script);
                    task.add_done_callback(move |_| calls());
                }
            }
            Operation::PrintTask(which) => {
                drop(self.tasks.pick(which).map(|(_, task)| format!("{task:?} {}", task.stack_trace())));
            }
            Operation::PrintAll => {
                for task in event_loop.all_tasks() {
                    drop(format!("{task:?} {}", task.stack_trace()));
                }
            }
            Operation::CancelAll => {
                for task in event_loop.all_tasks() {
                    task.cancel();
                }
            }
            _ => {}
        }
    }

    fn perform_on_the_rest(&self, operation: Operation) {
        match operation {
            Operation::PutNow(which, script) => drop(self.queue(which).put_nowait(Value::new(script))),
            Operation::GetNow(which) => drop(self.queue(which).get_nowait()),
            Operation::TaskDone(which) => drop(self.queue(which).task_done()),
            Operation::ShutQueue(which, drain) => {
                self.queue(which).shutdown(if drain { Shutdown::Drain } else { Shutdown::Immediate });
            }
            Operation::PrintQueue(which) => drop(format!("{:?}", self.queue(which))),
            Operation::TryLock => self.lock.try_acquire().into_iter().for_each(|guard| self.guards.push(guard)),
            Operation::TryPermit => {
                self.semaphore.try_acquire().into_iter().for_each(|permit| self.permits.push(permit));
            }
            Operation::Unhold(which) => drop((self.guards.take(which), self.permits.take(which))),
            Operation::SetEvent => self.event.set(),
            Operation::ClearEvent => self.event.clear(),
            Operation::Notify(count) => drop(self.condition.notify(count.into())),
            Operation::Release => self.semaphore.release(),
            Operation::SetVariable(script) => drop(VARIABLE.set(Value::new(script))),
            Operation::ReadVariable => drop(VARIABLE.get()),
            Operation::RunInContext(script) => copy_context().run(|| {
                drop(VARIABLE.set(Value::new(script)));
                visit(script);
            }),
            Operation::NewGenerator(script, value) => {
                self.generators.push(Generator::new(Producing::new(script, value)));
            }
            Operation::DropGenerator(which) => drop(self.generators.take(which)),
            _ => {}
        }
    }
}
