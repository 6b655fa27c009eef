"""Records events of asyncio programs as JSON lines. `tests/oracle/more_tasks.rs` replays them. Time is virtual, so a record
holds the exact order of events, and does not depend on the machine. The same seed makes the same records.

    python3.13 tests/recorders/tasks.py COUNT SEED > more_tasks.jsonl

Each line is one program: {"scripts": [...], "log": [...], "end": ...}. `tests/oracle/task_scripts/program.rs` explains
all statements. A program uses only a few families of statements, so that its tasks interact.

Four peculiarities of CPython are avoided: programs that meet them are left out.

- If tasks await each other in a circle, a cancel follows the circle until it reaches the recursion limit.
- A task gives its CancelledError to the first task that asks, and a bare one to all others. So every script ends with a bare
  one, and no task is cancelled with a number before it has started.
- A group that fails in the first step of its own eager task does not cancel that task, and waits for it.
- A task keeps the number of a cancel that it has caught, and a cancelled gather may raise that number.

Some things that CPython leaves open are fixed. Timers with equal deadlines fire in the order they were set. A task group
cancels its tasks in the order they were created. No garbage is collected while a program runs, because that would close
abandoned coroutines. If the loop is stopped in the turn in which the awaited task ends, CPython stops the next run as well.
"""

import asyncio
import collections.abc
import gc
import itertools
import json
import random
import sys
import warnings
from asyncio import CancelledError, InvalidStateError, QueueShutDown

sys.path.insert(0, __file__.rpartition("/")[0])
from make_tasks import make  # noqa: E402


class Deadlock(Exception):
    pass


class TimerHandle(asyncio.TimerHandle):
    """Orders equal deadlines by when they were set."""

    __slots__ = ["_sequence"]
    counter = itertools.count()

    def __init__(self, *args):
        super().__init__(*args)
        self._sequence = next(self.counter)

    def __lt__(self, other):
        return (self._when, self._sequence) < (other._when, other._sequence)


asyncio.events.TimerHandle = TimerHandle


class Ordered(dict):
    """A set that iterates in the order of insertion."""

    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)


class Started(collections.abc.Coroutine):
    """A coroutine that notices what is thrown in before it has started: with that very exception its task ends."""

    def __init__(self, coroutine, loop):
        self.coroutine = coroutine
        self.loop = loop

    def __await__(self):
        return self.coroutine.__await__()

    def send(self, value):
        self.throw = self.coroutine.throw
        return self.coroutine.send(value)

    def throw(self, exc):
        self.loop.left_out |= describe(exc)[1] is not None
        return self.coroutine.throw(exc)

    def close(self):
        self.coroutine.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer whenever nothing is ready, and that notices what CPython has alone."""

    def __init__(self):
        self._now = 0.0
        self.tasks = []
        self.left_out = False
        super().__init__()
        self._selector.select = self._advance
        self.set_exception_handler(self._handle)

    def time(self):
        return self._now

    def _advance(self, timeout=None):
        if timeout is None:
            raise Deadlock
        self._now += timeout
        return []

    def create_task(self, coroutine, **options):
        task = super().create_task(Started(coroutine, self), **options)
        self.tasks.append(task)
        return task

    def _handle(self, loop, context):
        if isinstance(context.get("exception"), RecursionError):
            self.left_out = True

    def _run_once(self):
        self.tasks = [task for task in self.tasks if not task.done()]
        self.left_out |= any(self._waits_in_a_circle(task) for task in self.tasks)
        super()._run_once()

    def _waits_in_a_circle(self, task):
        seen, todo = set(), [task]
        while todo:
            future = todo.pop()
            for awaited in [getattr(future, "_fut_waiter", None), *getattr(future, "_children", [])]:
                if awaited is task:
                    return True
                if awaited is not None and id(awaited) not in seen:
                    seen.add(id(awaited))
                    todo.append(awaited)
        return False


def describe(value):
    """What a log holds of a value or an exception."""
    if isinstance(value, list):
        return [describe(inner) for inner in value]
    if isinstance(value, BaseExceptionGroup):
        return ["ExceptionGroup", [describe(inner) for inner in value.exceptions]]
    if isinstance(value, BaseException):
        arg = value.args[0] if value.args else None
        return [type(value).__name__, arg if isinstance(arg, int) else None]
    return value


class Program:
    """What the scripts of one program share."""

    def __init__(self, loop):
        self.loop = loop
        self.log = []
        self.created = []
        self.slots = {}
        self.callbacks = {}
        self.handles = {}
        self.timeouts = {}
        self.groups = {}
        self.futures = [loop.create_future() for _ in range(3)]
        self.locks = [asyncio.Lock() for _ in range(2)]
        self.semaphores = [asyncio.Semaphore(1), asyncio.Semaphore(2)]
        self.events = [asyncio.Event() for _ in range(2)]
        self.conditions = [asyncio.Condition() for _ in range(2)]
        self.barriers = [asyncio.Barrier(2), asyncio.Barrier(3)]
        self.queues = [asyncio.Queue(), asyncio.Queue(2), asyncio.LifoQueue(2), asyncio.PriorityQueue(2)]

    def note(self, who, *entry):
        self.log.append([int(self.loop.time()), who, *entry])

    def task(self, index, create=None):
        number = len(self.created)
        name = f"t{number}"
        # An eager task may make others before it is there.
        self.created.append(None)
        try:
            task = (create or self.loop.create_task)(self.scripts[index](self, name), name=name)
        except RuntimeError:
            self.created.pop()
            raise
        self.created[number] = task
        group = getattr(create, "__self__", None)
        self.loop.left_out |= getattr(group, "_aborting", False) and not task.done()
        return task

    def left(self):
        return [task for task in self.created if task and not task.done()]

    def waitable(self, slots):
        return list(dict.fromkeys(self.slots[slot] for slot in slots if slot in self.slots))

    def ordered(self, tasks):
        return [task.get_name() for task in self.created if task and task in tasks]

    def other(self, slot):
        """The slot's task, or a future where there is none or it is the one that asks."""
        task = self.slots.get(slot)
        return self.futures[slot] if task in (None, asyncio.current_task()) else task

    def gather(self, *children, return_exceptions):
        gathering = asyncio.gather(*children, return_exceptions=return_exceptions)

        def takes_message(_):
            last = gathering._children[-1]
            stale = not last.cancelled() and last._cancel_message is not None
            self.loop.left_out |= gathering._cancel_requested and stale

        gathering.add_done_callback(takes_message)
        return gathering

    def on_done(self, number, future, action):
        future.add_done_callback(action)
        self.callbacks[number] = future, action

    def off_done(self, number):
        future, action = self.callbacks[number]
        return future.remove_done_callback(action)

    def group(self, number=None):
        group = asyncio.TaskGroup()
        group._tasks = Ordered()
        if number is not None:
            self.groups[number] = group
        return group

    def limit(self, number, how, seconds):
        timeout = {"after": asyncio.timeout, "at": asyncio.timeout_at, "never": lambda _: asyncio.timeout(None)}[how]
        self.timeouts[number] = timeout(seconds)
        return self.timeouts[number]

    def reschedule(self, number, seconds):
        self.timeouts[number].reschedule(None if seconds is None else max(0, self.loop.time() + seconds))

    def timeout_state(self, number):
        when = self.timeouts[number].when()
        return self.timeouts[number].expired(), None if when is None else int(when)

    def release(self):
        self.note("loop", "callback", "release")
        for future in self.futures:
            if not future.done():
                future.set_result(0)
        for event in self.events:
            event.set()

    def cancel_all(self):
        self.note("loop", "callback", "cancel all")
        for task in self.left():
            task.cancel()


def tried(error, line, otherwise):
    return ["try:", "    " + line, f"except {error}: p.note(me, {otherwise!r})"]


def unless_empty(where, line):
    return [f"if {{0}} not in p.{where}: p.note(me, 'empty')", f"else: {line}"]


PUT_NOWAIT = ["try:", "    p.queues[{0}].put_nowait({1})", "    p.note(me, 'put')"]
GET_NOWAIT = ["try: p.note(me, 'item', p.queues[{0}].get_nowait())"]
SHUT_DOWN = ["except QueueShutDown: p.note(me, 'shut down')"]
# statement -> lines of Python; {0}, {1}, ... are its operands
PLAIN = {
    "log": ["p.note(me, 'log', {0})"],
    "sleep": ["await asyncio.sleep({0})"],
    "call": ["p.note(me, 'got', await p.scripts[{0}](p, me))"],
    "spawn": ["p.slots[{0}] = p.task({1})", "p.note(me, 'spawned', p.slots[{0}].get_name())"],
    "cancel": unless_empty("slots", "p.note(me, 'cancel', p.slots[{0}].cancel())"),
    "cancel_with": unless_empty("slots", "p.note(me, 'cancel', p.slots[{0}].cancel({1}))"),
    "cancel_me": ["p.note(me, 'cancel', asyncio.current_task().cancel())"],
    "uncancel": ["p.note(me, 'uncancel', asyncio.current_task().uncancel())"],
    "uncancel_slot": unless_empty("slots", "p.note(me, 'uncancel', p.slots[{0}].uncancel())"),
    "task_state": unless_empty(
        "slots", "p.note(me, 'task', p.slots[{0}].done(), p.slots[{0}].cancelled(), p.slots[{0}].cancelling())"
    ),
    "fut_new": ["p.futures[{0}] = p.loop.create_future()"],
    "fut_wait": ["p.note(me, 'fut', await p.futures[{0}])"],
    "fut_result": ["p.note(me, 'result', p.futures[{0}].result())"],
    "fut_set": ["if p.futures[{0}].done(): p.note(me, 'invalid')", "else: p.futures[{0}].set_result({1})"],
    "fut_fail": ["if p.futures[{0}].done(): p.note(me, 'invalid')", "else: p.futures[{0}].set_exception({1}({2}))"],
    "fut_cancel": ["p.note(me, 'fut_cancel', p.futures[{0}].cancel())"],
    "fut_cancel_with": ["p.note(me, 'fut_cancel', p.futures[{0}].cancel({1}))"],
    "off_done": unless_empty("callbacks", "p.note(me, 'removed', p.off_done({0}))"),
    "handle_cancel": unless_empty("handles", "p.handles[{0}].cancel()"),
    "stop": ["p.loop.stop()"],
    "eager": ["p.loop.set_task_factory(asyncio.eager_task_factory)"],
    "lazy": ["p.loop.set_task_factory(None)"],
    "locked": ["p.note(me, 'is locked', p.locks[{0}].locked())"],
    "sem_release": ["p.semaphores[{0}].release()"],
    "event_wait": ["await p.events[{0}].wait()", "p.note(me, 'event')"],
    "event_set": ["p.events[{0}].set()"],
    "event_clear": ["p.events[{0}].clear()"],
    "cond_wait": ["async with p.conditions[{0}]:", "    await p.conditions[{0}].wait()", "    p.note(me, 'notified')"],
    "cond_wait_for": [
        "async with p.conditions[{0}]:",
        "    await p.conditions[{0}].wait_for(p.events[{1}].is_set)",
        "    p.note(me, 'true')",
    ],
    "notify": ["async with p.conditions[{0}]:", "    p.conditions[{0}].notify({1})", "    p.note(me, 'notify')"],
    "notify_bare": ["p.conditions[{0}].notify({1})", "p.note(me, 'notify')"],
    "barrier": tried("asyncio.BrokenBarrierError", "p.note(me, 'barrier', await p.barriers[{0}].wait())", "broken"),
    "barrier_reset": ["await p.barriers[{0}].reset()", "p.note(me, 'reset')"],
    "barrier_abort": ["await p.barriers[{0}].abort()", "p.note(me, 'abort')"],
    "put": ["await p.queues[{0}].put({1})", "p.note(me, 'put')"],
    "get": ["p.note(me, 'item', await p.queues[{0}].get())"],
    "put_nowait": [*PUT_NOWAIT, "except asyncio.QueueFull: p.note(me, 'full')", *SHUT_DOWN],
    "get_nowait": [*GET_NOWAIT, "except asyncio.QueueEmpty: p.note(me, 'none')", *SHUT_DOWN],
    "task_done": tried("ValueError", "p.queues[{0}].task_done(); p.note(me, 'task_done')", "too many"),
    "queue_join": ["await p.queues[{0}].join()", "p.note(me, 'joined queue')"],
    "shutdown": ["p.queues[{0}].shutdown({1})", "p.note(me, 'shutdown')"],
    "reschedule": unless_empty(
        "timeouts", "p.reschedule({0}, {1}); p.note(me, 'moved')"
    ),
    "timeout_state": unless_empty("timeouts", "p.note(me, 'timeout', *p.timeout_state({0}))"),
    "group_spawn": unless_empty("groups", "p.note(me, 'spawned', p.task({1}, p.groups[{0}].create_task).get_name())"),
    "wait": [
        "if not p.waitable({0}): p.note(me, 'empty')",
        "else:",
        "    done, pending = await asyncio.wait(p.waitable({0}), timeout={1}, return_when={2!r})",
        "    p.note(me, 'waited', p.ordered(done), p.ordered(pending))",
    ],
    "soon": ["p.loop.call_soon(p.note, 'loop', 'callback', {0})"],
    "later": ["p.loop.call_later({0}, p.note, 'loop', 'callback', {1})"],
    "return": ["return {0}"],
    "raise": ["raise {0}({1})"],
    "raise_cancelled": ["raise CancelledError"],
    "reraise": ["raise"],
}
# statement -> the lines before its body, the body being its last operand
WITH_BODY = {
    "lock": ["async with p.locks[{0}]:", "    p.note(me, 'locked')"],
    "sem": ["async with p.semaphores[{0}]:", "    p.note(me, 'acquired')"],
    "timeout": ["async with asyncio.timeout({0}):"],
    "limit": ["async with p.limit({0}, {1!r}, {2}):"],
    "group": ["async with p.group() as group:", "    for i in {0}: p.task(i, group.create_task)"],
    "group_in": ["async with p.group({0}) as group:", "    for i in {1}: p.task(i, group.create_task)"],
    "loop": ["for _ in range({0}):"],
}
# statement -> the line after its body, which is a callback's
WITH_ACTION = {
    "on_task_done": unless_empty("slots", "p.on_done({1}, p.slots[{0}], action)"),
    "on_fut_done": ["p.on_done({1}, p.futures[{0}], action)"],
    "soon_do": ["p.handles[{0}] = p.loop.call_soon(action)"],
    "later_do": ["p.handles[{0}] = p.loop.call_later({1}, action)"],
    "at_do": ["p.handles[{0}] = p.loop.call_at({1}, action)"],
}


def awaitable(form):
    """The Python of what can be awaited."""
    kind, *rest = form
    if kind == "gather":
        return f"p.gather({', '.join(map(awaitable, rest[0]))}, return_exceptions={rest[1]})"
    if kind == "shield":
        return f"asyncio.shield({awaitable(rest[0])})"
    if kind == "wait_for":
        return f"asyncio.wait_for({awaitable(rest[1])}, {rest[0]})"
    return {
        "script": "p.scripts[{0}](p, me)",
        "task": "p.task({0})",
        "slot": "p.other({0})",
        "future": "p.futures[{0}]",
        "get": "p.queues[{0}].get()",
        "put": "p.queues[{0}].put({1})",
        "sleep": "asyncio.sleep({0})",
    }[kind].format(*rest)


def awaiting(op, rest):
    """The lines of a statement about what can be awaited."""
    if op == "await":
        return [f"p.note(me, 'awaited', describe(await {awaitable(rest[0])}))"]
    futures = f"futures = list(dict.fromkeys([{', '.join(map(awaitable, rest[0]))}]))"
    if op == "wait_on":
        return [
            futures,
            f"done, _ = await asyncio.wait(futures, timeout={rest[1]}, return_when={rest[2]!r})",
            "p.note(me, 'waited', [future in done for future in futures])",
        ]
    if op == "completing":
        return [
            futures,
            f"for future in asyncio.as_completed([f for f in futures if not f.done()], timeout={rest[1]}):",
            "    try: p.note(me, 'completed', describe(await future))",
            "    except Exception as exc: p.note(me, 'completed', describe(exc))",
        ]
    raise ValueError(op)


def compile_scripts(scripts):
    lines = []

    def block(statements, indent):
        for op, *rest in statements:
            if op in PLAIN:
                lines.extend(indent + line.format(*rest) for line in PLAIN[op])
            elif op in WITH_BODY:
                lines.extend(indent + line.format(*rest) for line in WITH_BODY[op])
                block(rest[-1], indent + "    ")
            elif op in WITH_ACTION:
                lines.append(indent + "def action(*_, me='loop'):")
                block(rest[-1], indent + "    ")
                lines.extend(indent + line.format(*rest) for line in WITH_ACTION[op])
            elif op == "try":
                attempt(*rest, indent)
            else:
                lines.extend(indent + line for line in awaiting(op, rest))
        if not statements:
            lines.append(indent + "pass")

    def attempt(inner, handlers, final, indent):
        deeper = indent + "    "
        lines.append(f"{indent}try:")
        block(inner, deeper)
        for kind, handler in handlers:
            lines.append(f"{indent}except {kind} as exc:")
            lines.append(f"{deeper}p.note(me, 'caught', describe(exc))")
            block(handler, deeper)
        if final is not None:
            lines.append(f"{indent}finally:")
            block(final, deeper)

    for index, statements in enumerate(scripts):
        lines.append(f"async def script_{index}(p, me):")
        block(statements, "    ")
    names = [asyncio, CancelledError, InvalidStateError, QueueShutDown, describe]
    namespace = {name.__name__: name for name in names}
    exec("\n".join(lines), namespace)
    return [namespace[f"script_{index}"] for index in range(len(scripts))]


def run_until_complete(shared, future):
    """However often the loop is stopped."""
    loop = shared.loop
    while True:
        try:
            return loop.run_until_complete(future)
        except RuntimeError as exc:
            if future.done() or "stopped before" not in str(exc):
                raise
            shared.note("loop", "stopped")
        finally:
            for handle in loop._ready:
                if handle._callback is asyncio.base_events._run_until_complete_cb:
                    handle.cancel()


def run(program):
    """What a program does: its log and its end, and whether it is one to be left out."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    shared = Program(loop)
    shared.scripts = compile_scripts(program["scripts"])
    timers = [loop.call_at(20, shared.release), loop.call_at(40, shared.cancel_all), loop.call_at(60, shared.cancel_all)]
    try:
        main = shared.task(0)
        try:
            end = ["returned", run_until_complete(shared, main)]
        except Deadlock:
            raise
        except BaseException as exc:
            end = ["raised", describe(exc)]
        for timer in timers:
            timer.cancel()
        left = shared.left()
        for task in left:
            task.cancel()
        if left:
            run_until_complete(shared, asyncio.gather(*left, return_exceptions=True))
    except Deadlock:
        end = ["deadlock"]
    except RecursionError:
        end, loop.left_out = None, True
    log, left_out = list(shared.log), loop.left_out
    abandon(loop, shared)
    return log, end, left_out or "RecursionError" in str((log, end))


def abandon(loop, shared):
    """Ends what a deadlock left behind, unrecorded."""
    for _ in range(100):
        left = shared.left()
        if not left:
            break
        try:
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=1000))
        except BaseException:
            pass
    loop._ready.clear()
    loop._scheduled.clear()
    loop.close()


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    gc.disable()
    rng = random.Random(seed)
    made = 0
    while made < count:
        program = make(rng)
        program["log"], program["end"], left_out = run(program)
        if not left_out and len(program["log"]) <= 150:
            print(json.dumps(program, separators=(",", ":")))
            made += 1
        gc.collect()


if __name__ == "__main__":
    main()
