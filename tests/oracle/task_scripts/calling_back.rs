//! The statements about callbacks, and about the loop that runs them.
//!
//! A callback's action is a list of statements that neither wait nor raise.

use std::rc::Rc;

use innermost::task::{TaskFactory, eager_task_factory};
use innermost::{Exception, Future};
use serde_json::json;

use super::activation::Does;
use super::program::{Body, Moment, Statement};
use super::world::{Me, Number};
use crate::blocks::Flow;

impl Me {
    /// Does a statement, if it is about callbacks.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed.
    pub(super) fn call_back(&self, statement: &Statement) -> Result<Option<Does>, Exception> {
        let world = &self.world;
        match statement {
            Statement::Soon(k) => drop(world.event_loop.call_soon(world.callback(json!(["callback", k])))?),
            Statement::Later(delay, k) => {
                drop(world.event_loop.call_later(*delay, world.callback(json!(["callback", k])))?);
            }
            Statement::OnTaskDone { slot, callback, action } => match world.slot(*slot) {
                Some(slot) => self.on_done(*callback, &world.event_loop.ensure_future(slot.task)?, action),
                None => self.note(&json!(["empty"])),
            },
            Statement::OnFutureDone { future, callback, action } => {
                self.on_done(*callback, &world.future(*future), action);
            }
            Statement::OffDone(callback) => {
                let remove = world.callbacks.borrow().get(callback).cloned();
                self.note(&remove.map_or(json!(["empty"]), |remove| json!(["removed", remove()])));
            }
            Statement::Do { handle, moment, action } => self.call(*handle, moment, action)?,
            Statement::HandleCancel(handle) => {
                let cancel = world.handles.borrow().get(handle).cloned();
                cancel.map_or_else(|| self.note(&json!(["empty"])), |cancel| cancel());
            }
            Statement::Stop => world.event_loop.stop(),
            Statement::Eager(eager) => {
                let factory = eager.then(|| Rc::new(eager_task_factory) as TaskFactory);
                world.event_loop.set_task_factory(factory);
            }
            _ => return Ok(None),
        }
        Ok(Some(Does::Go(Flow::Next)))
    }

    fn on_done(&self, number: usize, future: &Future<Number>, action: &Body) {
        let act = self.action(action);
        let id = future.add_done_callback(move |_| act());
        let future = future.clone();
        let former =
            self.world.callbacks.borrow_mut().insert(number, Rc::new(move || future.remove_done_callback(id).into()));
        drop(former);
    }

    fn call(&self, number: usize, moment: &Moment, action: &Body) -> Result<(), Exception> {
        let (event_loop, act) = (&self.world.event_loop, self.action(action));
        let cancel: Rc<dyn Fn()> = match moment {
            Moment::Soon => {
                let handle = event_loop.call_soon(act)?;
                Rc::new(move || handle.cancel())
            }
            Moment::After(delay) => {
                let timer = event_loop.call_later(*delay, act)?;
                Rc::new(move || timer.cancel())
            }
            Moment::At(time) => {
                let timer = event_loop.call_at(innermost::Instant::from_zero(*time), act)?;
                Rc::new(move || timer.cancel())
            }
        };
        let former = self.world.handles.borrow_mut().insert(number, cancel);
        drop(former);
        Ok(())
    }

    /// A callback that does this.
    fn action(&self, action: &Body) -> impl FnOnce() + use<> {
        let (the_loop, action) = (self.the_loop(), Rc::clone(action));
        move || {
            for statement in &*action {
                let done = the_loop.start(statement, None);
                assert!(matches!(done, Ok(Does::Go(Flow::Next))), "an action neither waits nor raises");
            }
        }
    }
}
