"""Records asyncio's locks and queues, turn by turn, as JSON lines. `tests/oracle/sync.rs` replays them.

    python3.13 sync.py COUNT SEED > sync.jsonl

Each line is one program: {"tasks": [[op, ...], ...], "log": [...], "final": [...]}.

All tasks are created, in order, before the first turn. The loop then runs turn by turn; whenever nothing is ready, all
tasks that are not done are cancelled, in order, up to eight times. An entry of the log is [turn, task, ...].

Shared by the tasks of a program: locks 0-1, semaphores 0-2 (of 1 and 2, and a bounded one of 1), events 0-1, conditions
0-1 (the second one under lock 1), barriers 0-1 (of 2 and 3), queues 0-3 (unbounded; of 2; a LifoQueue of 1; a
PriorityQueue of 2).

An op is [name, operand, ...]. When it ends, [name, value] is logged, or [name, name of the exception]. The exception is
swallowed then, unless the op's name begins with "!".

  ["yield"]                    sleep(0)
  ["lock", l, body]            async with lock: log ["locked"], body
  ["sem", s, body]             async with semaphore: log ["acquired"], body
  ["locked", l]  ["sem_locked", s]  ["release", s]
  ["event_wait", e]  ["event_set", e]  ["event_clear", e]
  ["cond_wait", c]             async with condition: wait()
  ["cond_wait_again", c]       async with condition: try: wait(); except CancelledError: log ["caught"], wait()
  ["cond_wait_for", c, e]      async with condition: wait_for(event e is set)
  ["notify", c, n]             async with condition: notify(n)
  ["notify_nowait", c]         notify_all()
  ["barrier", b]  ["reset", b]  ["abort", b]
  ["barrier_state", b]         the value is [n_waiting, broken]
  ["put", q, k]  ["get", q]  ["put_nowait", q, k]  ["get_nowait", q]  ["task_done", q]  ["join", q]  ["size", q]
  ["shutdown", q, immediate]
  ["cancel", t]                the value is what cancel() returned

"final" is, once nothing can run any more: how many tasks are not done, which locks and semaphores are locked, and how
many items each queue has.
"""

import asyncio
import gc
import json
import random
import sys
import warnings
from asyncio import CancelledError, events


class Program:
    def __init__(self, loop):
        self.loop = loop
        self.turn = 0
        self.log = []
        self.tasks = []
        self.locks = [asyncio.Lock(), asyncio.Lock()]
        self.semaphores = [asyncio.Semaphore(1), asyncio.Semaphore(2), asyncio.BoundedSemaphore(1)]
        self.events = [asyncio.Event(), asyncio.Event()]
        self.conditions = [asyncio.Condition(), asyncio.Condition(self.locks[1])]
        self.barriers = [asyncio.Barrier(2), asyncio.Barrier(3)]
        self.queues = [asyncio.Queue(), asyncio.Queue(2), asyncio.LifoQueue(1), asyncio.PriorityQueue(2)]

    def note(self, me, *entry):
        self.log.append([self.turn, me, *entry])

    async def block(self, me, ops):
        for op in ops:
            name = op[0].removeprefix("!")
            try:
                value = await getattr(self, name + "_")(me, *op[1:])
            except BaseException as exc:
                self.note(me, name, type(exc).__name__)
                if op[0].startswith("!"):
                    raise
            else:
                self.note(me, name, value)

    async def yield_(self, me):
        await asyncio.sleep(0)

    async def lock_(self, me, lock, body):
        async with self.locks[lock]:
            self.note(me, "locked")
            await self.block(me, body)

    async def sem_(self, me, semaphore, body):
        async with self.semaphores[semaphore]:
            self.note(me, "acquired")
            await self.block(me, body)

    async def locked_(self, me, lock):
        return self.locks[lock].locked()

    async def sem_locked_(self, me, semaphore):
        return self.semaphores[semaphore].locked()

    async def release_(self, me, semaphore):
        self.semaphores[semaphore].release()

    async def event_wait_(self, me, event):
        await self.events[event].wait()

    async def event_set_(self, me, event):
        self.events[event].set()

    async def event_clear_(self, me, event):
        self.events[event].clear()

    async def cond_wait_(self, me, condition):
        async with self.conditions[condition]:
            await self.conditions[condition].wait()

    async def cond_wait_again_(self, me, condition):
        async with self.conditions[condition]:
            try:
                await self.conditions[condition].wait()
            except CancelledError:
                self.note(me, "caught")
                await self.conditions[condition].wait()

    async def cond_wait_for_(self, me, condition, event):
        async with self.conditions[condition]:
            await self.conditions[condition].wait_for(self.events[event].is_set)

    async def notify_(self, me, condition, count):
        async with self.conditions[condition]:
            self.conditions[condition].notify(count)

    async def notify_nowait_(self, me, condition):
        self.conditions[condition].notify_all()

    async def barrier_(self, me, barrier):
        return await self.barriers[barrier].wait()

    async def reset_(self, me, barrier):
        await self.barriers[barrier].reset()

    async def abort_(self, me, barrier):
        await self.barriers[barrier].abort()

    async def barrier_state_(self, me, barrier):
        return [self.barriers[barrier].n_waiting, self.barriers[barrier].broken]

    async def put_(self, me, queue, item):
        await self.queues[queue].put(item)

    async def get_(self, me, queue):
        return await self.queues[queue].get()

    async def put_nowait_(self, me, queue, item):
        self.queues[queue].put_nowait(item)

    async def get_nowait_(self, me, queue):
        return self.queues[queue].get_nowait()

    async def task_done_(self, me, queue):
        self.queues[queue].task_done()

    async def join_(self, me, queue):
        await self.queues[queue].join()

    async def size_(self, me, queue):
        return self.queues[queue].qsize()

    async def shutdown_(self, me, queue, immediate):
        self.queues[queue].shutdown(immediate)

    async def cancel_(self, me, task):
        return self.tasks[task].cancel()

    def run(self, tasks):
        for me, ops in enumerate(tasks):
            self.tasks.append(self.loop.create_task(self.block(me, ops)))
        for _ in range(9):
            while self.loop._ready:
                self.turn += 1
                self.loop._run_once()
            for task in self.tasks:
                task.cancel()
        left = sum(not task.done() for task in self.tasks)
        locked = [lock.locked() for lock in self.locks + self.semaphores]
        return [left, locked, [queue.qsize() for queue in self.queues]]


def make(rng):
    count = rng.randint(2, 7)
    # A program is about few things, so that its tasks meet.
    kinds = rng.sample(["lock", "sem", "event", "cond", "barrier", "queue", "queue"], rng.randint(1, 3))
    shared = rng.randint(0, 1)

    def one(most=1):
        return min(shared, most) if rng.random() < 0.8 else rng.randint(0, most)

    def block(depth, most):
        return [op(depth) for _ in range(rng.randint(1, most))]

    def op(depth):
        made = leaf(depth)
        return ["!" + made[0], *made[1:]] if depth and rng.random() < 0.3 else made

    def leaf(depth):
        if rng.random() < 0.25:
            return ["yield"]
        if rng.random() < 0.2:
            return ["cancel", rng.randrange(count)]
        kind = rng.choice(kinds)
        if kind == "lock":
            return ["lock", one(), block(depth + 1, 3)] if depth < 2 and rng.random() < 0.8 else ["locked", one()]
        if kind == "sem":
            s = rng.randint(0, 2)
            if depth < 2 and rng.random() < 0.8:
                return ["sem", s, block(depth + 1, 3)]
            return rng.choice([["sem_locked", s], ["release", s]])
        if kind == "event":
            return [rng.choice(["event_wait", "event_wait", "event_set", "event_clear"]), one()]
        if kind == "cond":
            c = one()
            return rng.choice(
                [
                    ["cond_wait", c],
                    ["cond_wait", c],
                    ["cond_wait_again", c],
                    ["cond_wait_for", c, one()],
                    ["event_set", one()],
                    ["notify", c, rng.randint(0, 3)],
                    ["notify", c, rng.randint(1, 2)],
                    ["notify_nowait", c],
                ]
            )
        if kind == "barrier":
            b = one()
            wait = ["barrier", b]
            return rng.choice([wait, wait, wait, wait, wait, ["barrier_state", b], rng.choice([["reset", b], ["abort", b]])])
        q = rng.choice([one(3), rng.randint(0, 3)])
        return rng.choice(
            [
                ["put", q, rng.randint(1, 99)],
                ["put", q, rng.randint(1, 99)],
                ["put", q, rng.randint(1, 99)],
                ["get", q],
                ["get", q],
                ["get", q],
                ["put_nowait", q, rng.randint(1, 99)],
                ["get_nowait", q],
                rng.choice([["task_done", q], ["join", q], ["size", q]]),
                ["shutdown", q, rng.random() < 0.5] if rng.random() < 0.3 else ["join", q],
            ]
        )

    return [block(0, 6) for _ in range(count)]


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    # It would close what waits for ever, at any time.
    gc.disable()
    rng = random.Random(seed)
    made = 0
    while made < count:
        tasks = make(rng)
        loop = asyncio.SelectorEventLoop()
        loop.set_exception_handler(lambda loop, context: None)
        loop._selector.select = lambda timeout=None: []
        events._set_running_loop(loop)
        program = Program(loop)
        final = program.run(tasks)
        # What closing writes does not count.
        log = list(program.log)
        program.tasks.clear()
        events._set_running_loop(None)
        loop.close()
        gc.collect()
        # Giving back more than a bounded semaphore holds raises at the end of the scope; a guard's drop cannot.
        if any(entry[2:] == ["sem", "ValueError"] for entry in log):
            continue
        made += 1
        line = {"tasks": tasks, "log": log, "final": final}
        print(json.dumps(line, separators=(",", ":")))


if __name__ == "__main__":
    main()
