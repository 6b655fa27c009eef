"""Records what asyncio's staggered_race does, event by event, as JSON lines. Time is virtual.

    python3.13 tests/data/staggered.py COUNT SEED > tests/data/staggered.jsonl

Each line is one race: {"attempts": [...], "delay": s or null, "log": [...], "winner": index or null, "raised": [...]}.

An attempt is [s, end, cleanup]. It logs ["start", i] and sleeps s seconds (null: not at all, 0: yields to the loop). Then it
logs ["ok", i] and returns, or logs ["fail", i] and raises ValueError. When it is cancelled, it logs ["cancelled", i], sleeps
cleanup seconds unless that is null, logs ["clean", i] and raises the CancelledError again.

An entry of the log begins with the time: [0, "start", 0]. The last one is [time, "over"]. "raised" has the class names of
the exceptions, and null for the winner.
"""

import asyncio
import itertools
import json
import random
import sys
from asyncio.staggered import staggered_race


class TimerHandle(asyncio.TimerHandle):
    """Orders equal deadlines by when they were set, which CPython leaves to its heap."""

    __slots__ = ["_sequence"]
    counter = itertools.count()

    def __init__(self, *args):
        super().__init__(*args)
        self._sequence = next(self.counter)

    def __lt__(self, other):
        return (self._when, self._sequence) < (other._when, other._sequence)


asyncio.events.TimerHandle = TimerHandle


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer whenever nothing is ready."""

    def __init__(self):
        self._now = 0.0
        super().__init__()
        self._selector.select = self._advance

    def time(self):
        return self._now

    def _advance(self, timeout=None):
        if timeout is None:
            raise RuntimeError("deadlock")
        self._now += timeout
        return []


def record(attempts, delay):
    loop = VirtualLoop()
    log = []

    def note(*entry):
        log.append([int(loop.time()), *entry])

    async def attempt(index, seconds, end, cleanup):
        note("start", index)
        try:
            if seconds is not None:
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            note("cancelled", index)
            if cleanup is not None:
                await asyncio.sleep(cleanup)
            note("clean", index)
            raise
        note(end, index)
        if end == "fail":
            raise ValueError

    async def main():
        makers = [lambda i=i, a=a: attempt(i, *a) for i, a in enumerate(attempts)]
        _, winner, raised = await staggered_race(makers, delay)
        note("over")
        return winner, [raised and type(raised).__name__ for raised in raised]

    winner, raised = loop.run_until_complete(main())
    loop.close()
    return {"attempts": attempts, "delay": delay, "log": log, "winner": winner, "raised": raised}


def main(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        ends = rng.choice([["ok", "fail", "fail"], ["ok"], ["fail"]])
        attempts = [
            [rng.choice([None, 0, 1, 2, 3, 5]), rng.choice(ends), rng.choice([None, None, 0, 1])]
            for _ in range(rng.randrange(6))
        ]
        print(json.dumps(record(attempts, rng.choice([None, 0, 1, 2, 3]))))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
