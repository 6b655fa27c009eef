"""Makes random programs for `tasks.py`: scripts of statements, each program about a few families of them."""

import itertools

KINDS = ["ValueError", "KeyError", "CancelledError", "TimeoutError"]
CATCHES = [
    *KINDS,
    *["CancelledError", "TimeoutError", "RuntimeError", "ExceptionGroup", "QueueShutDown", "InvalidStateError"],
    *["Exception", "Exception", "BaseException"],
]
FAMILIES = ["cancels", "futures", "callbacks", "timeouts", "awaitables", "groups", "queues", "locks", "barriers", "stops"]
WHEN = ["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"]


def make(rng):
    """A program that has not run yet."""
    return {"scripts": Maker(rng).scripts()}


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.count = rng.randint(3, 6)
        self.numbers = itertools.count(1)
        self.families = rng.sample(FAMILIES, rng.randint(1, 4))
        # Whether tasks take their first step while they are made.
        self.eager = rng.random() < 0.3
        # The places where its tasks meet.
        self.most = rng.choice([1, 1, 2, 3])

    def scripts(self):
        return [self.script(index) for index in range(self.count)]

    def script(self, index):
        """Whose CancelledError is a bare one in the end."""
        body = self.statements(index, 0, False, 5)
        if index == 0:
            spawned = [["spawn", slot, self.lower(0)] for slot in range(self.rng.randint(2, 3))]
            body = [["eager"]] * self.eager + spawned + body
        elif self.rng.random() < 0.6:
            body.append(["return", next(self.numbers)])
        return [["try", body, [["CancelledError", [["raise_cancelled"]]]], None]]

    def chance(self, share):
        return self.rng.random() < share

    def lower(self, index):
        return self.rng.randint(index + 1, self.count - 1)

    def some(self, index):
        return [self.lower(index) for _ in range(self.rng.randint(1, 3))]

    def seconds(self):
        return self.rng.choice([0, 0, 1, 1, 2, 3, 5])

    def place(self, places):
        return self.rng.randrange(min(self.most, places))

    def statements(self, index, depth, handling=False, most=3):
        return [self.statement(index, depth, handling) for _ in range(self.rng.randint(1, most))]

    def statement(self, index, depth, handling):
        found = self.any_statement(index, depth, handling)
        if self.chance(0.2):
            # Goes on whatever comes.
            handler = self.rng.choice(["Exception", "BaseException", "CancelledError"])
            return ["try", [found], [[handler, []]], None]
        return found

    def any_statement(self, index, depth, handling):
        if depth < 3 and self.chance(0.28):
            return self.nested(index, depth, handling)
        if index + 1 < self.count and self.chance(0.15):
            return self.rng.choice([["call", self.lower(index)], ["spawn", self.place(3), self.lower(index)]])
        if depth and self.chance(0.06):
            return self.rng.choice([["return", next(self.numbers)], ["raise", self.kind(), next(self.numbers)]])
        if handling and self.chance(0.2):
            return ["reraise"]
        if self.eager and self.chance(0.03):
            return self.rng.choice([["eager"], ["lazy"]])
        if self.chance(0.2):
            return self.rng.choice([["sleep", self.seconds()], ["sleep", 0], ["log", next(self.numbers)]])
        return getattr(self, self.rng.choice(self.families))(index)

    def kind(self):
        return self.rng.choice(KINDS)

    def nested(self, index, depth, handling):
        inner = self.statements(index, depth + 1, handling)
        kinds = ["try", "try", "try", "loop"]
        for family, kind in [("timeouts", "limit"), ("timeouts", "timeout"), ("groups", "group_in"), ("locks", "lock")]:
            kinds += [kind] * 2 * (family in self.families)
        kind = self.rng.choice([*kinds, "sem"] if "locks" in self.families else kinds)
        if kind == "try":
            handlers = [
                [self.rng.choice(CATCHES), self.statements(index, depth + 1, True, 3)]
                for _ in range(self.rng.choice([0, 1, 1, 2]))
            ]
            final = self.statements(index, depth + 1, False, 2) if self.chance(0.3) or not handlers else None
            return ["try", inner, handlers, final]
        if kind == "loop":
            return ["loop", self.rng.randint(2, 3), inner]
        if kind == "timeout":
            return ["timeout", self.seconds(), inner]
        number = self.place(2)
        if kind == "limit":
            if self.chance(0.6):
                inner.insert(0, ["reschedule", number, self.rng.choice([None, -1, 0, 1, 2])])
            return ["limit", number, self.rng.choice(["after", "after", "at", "never"]), self.seconds(), inner]
        if kind == "group_in":
            if index + 1 < self.count:
                inner.insert(0, ["group_spawn", number, self.lower(index)])
            return ["group_in", number, self.some(index) if index + 1 < self.count else [], inner]
        return [kind, self.place(2), inner]

    # One family each: a statement of it.

    def cancels(self, index):
        slot = self.place(3)
        return self.rng.choice(
            [
                ["cancel", slot],
                ["cancel_with", slot, next(self.numbers)],
                ["cancel_me"],
                ["uncancel"],
                ["uncancel_slot", slot],
                ["task_state", slot],
                ["await", ["slot", slot]],
                ["await", ["shield", ["slot", slot]]],
                ["wait", sorted(self.rng.sample(range(3), self.rng.randint(1, 3))), *self.waiting()],
                ["sleep", self.seconds()],
            ]
        )

    def waiting(self):
        return self.rng.choice([None, 0, 1, 2]), self.rng.choice(WHEN)

    def futures(self, index):
        future = self.place(3)
        return self.rng.choice([["fut_wait", future], ["fut_wait", future], ["fut_result", future], self.on_future(future)])

    def on_future(self, future):
        return self.rng.choice(
            [
                ["fut_new", future],
                ["fut_set", future, next(self.numbers)],
                ["fut_fail", future, self.kind(), next(self.numbers)],
                ["fut_cancel", future],
                ["fut_cancel_with", future, next(self.numbers)],
            ]
        )

    def callbacks(self, index, depth=0):
        action = [self.in_callback(index, depth + 1) for _ in range(self.rng.randint(1, 3))]
        one, other = self.place(3), self.place(3)
        return self.rng.choice(
            [
                ["on_task_done", one, other, action],
                ["on_fut_done", one, other, action],
                ["on_fut_done", one, other, action],
                ["off_done", one],
                ["soon_do", one, action],
                ["later_do", one, self.seconds(), action],
                ["at_do", one, self.rng.randint(0, 4), action],
                ["handle_cancel", one],
                ["soon", next(self.numbers)],
                ["later", self.seconds(), next(self.numbers)],
                ["fut_wait", one] if depth == 0 else ["log", next(self.numbers)],
            ]
        )

    def in_callback(self, index, depth):
        """What neither waits nor raises."""
        one = self.place(3)
        options = [
            ["log", next(self.numbers)],
            ["cancel", one],
            ["cancel_with", one, next(self.numbers)],
            ["task_state", one],
            ["event_set", one % 2],
            ["put_nowait", one, next(self.numbers)],
            ["get_nowait", one],
            self.on_future(one),
            self.on_future(one),
        ]
        if depth < 3:
            options += [self.callbacks(index, depth)] * 2
        if index + 1 < self.count:
            options.append(["spawn", one, self.lower(index)])
        if "stops" in self.families:
            options.append(["stop"])
        return self.rng.choice(options)

    def timeouts(self, index):
        limit = self.place(2)
        return self.rng.choice(
            [
                ["reschedule", limit, self.rng.choice([None, -1, 0, 1, 2])],
                ["timeout_state", limit],
                ["await", ["wait_for", self.rng.choice([None, self.seconds()]), self.awaitable(index, 1)]],
                ["sleep", self.seconds()],
                ["cancel", self.place(3)],
                ["uncancel"],
            ]
        )

    def awaitables(self, index):
        futures = [self.future(index, 1) for _ in range(self.rng.randint(1, 3))]
        several = [*futures, self.gather(index)] if self.chance(0.3) else futures
        return self.rng.choice(
            [
                ["await", self.awaitable(index, 0)],
                ["await", self.awaitable(index, 0)],
                ["await", self.gather(index)],
                ["await", ["gather", [["gather", self.children(index), False] for _ in range(2)], self.chance(0.5)]],
                ["wait_on", several, *self.waiting()],
                ["completing", futures, self.rng.choice([None, 0, 1, 2])],
                self.on_future(self.place(3)),
                ["cancel_with", self.place(3), next(self.numbers)],
                ["spawn", self.place(3), self.lower(index)] if index + 1 < self.count else ["sleep", 0],
            ]
        )

    def awaitable(self, index, depth):
        """Something to await at once."""
        queue = self.place(4)
        if self.chance(0.3):
            return self.rng.choice([["get", queue], ["put", queue, next(self.numbers)], ["sleep", self.seconds()]])
        if depth < 3 and self.chance(0.3):
            return ["wait_for", self.rng.choice([None, self.seconds()]), self.awaitable(index, depth + 1)]
        if index + 1 < self.count and self.chance(0.3):
            return ["script", self.lower(index)]
        return self.rng.choice([self.future, self.future, self.gather])(index)

    def future(self, index, depth=0):
        """The future of one number."""
        if depth < 3 and self.chance(0.35):
            return ["shield", self.child(index, depth + 1)]
        options = [["slot", self.place(3)], ["future", self.place(3)]]
        if index + 1 < self.count:
            options.append(["task", self.lower(index)])
        return self.rng.choice(options)

    def gather(self, index):
        gather = ["gather", self.children(index), self.chance(0.5)]
        return ["shield", gather] if self.chance(0.3) else gather

    def children(self, index):
        return [self.child(index, 2) for _ in range(self.rng.randint(1, 3))]

    def child(self, index, depth):
        """What `shield` and `gather` may make a task of."""
        if index + 1 < self.count and self.chance(0.2):
            return ["script", self.lower(index)]
        return self.future(index, depth)

    def groups(self, index):
        options = [["cancel", self.place(3)], ["sleep", self.seconds()], ["cancel_me"], ["uncancel"]]
        if index + 1 < self.count:
            options += [["group_spawn", self.place(2), self.lower(index)]] * 3
        return self.rng.choice([*options, ["raise", self.kind(), next(self.numbers)]])

    def queues(self, index):
        queue = self.place(4)
        put, get = ["put", queue, self.rng.randint(1, 9)], ["get", queue]
        options = [
            *[put, put, put, get, get, get],
            ["put_nowait", queue, self.rng.randint(1, 9)],
            ["get_nowait", queue],
            ["task_done", queue],
            ["task_done", queue],
            ["queue_join", queue],
            ["cancel", self.place(3)],
        ]
        return ["shutdown", queue, self.chance(0.5)] if self.chance(0.07) else self.rng.choice(options)

    def locks(self, index):
        one = self.place(2)
        return self.rng.choice(
            [
                ["cond_wait", one],
                ["cond_wait_for", one, one],
                ["notify", one, self.rng.randint(1, 3)],
                ["notify", one, self.rng.randint(1, 3)],
                ["notify_bare", one, 1],
                ["locked", one],
                ["sem_release", one],
                ["event_wait", one],
                ["event_set", one],
                ["event_clear", one],
                ["cancel", self.place(3)],
                ["cancel_with", self.place(3), next(self.numbers)],
            ]
        )

    def barriers(self, index):
        one = self.place(2)
        options = [["barrier", one]] * 5 + [["cancel", self.place(3)], ["barrier_reset", one], ["sleep", self.seconds()]]
        return ["barrier_abort", one] if self.chance(0.05) else self.rng.choice(options)

    def stops(self, index):
        return self.rng.choice([["stop"], ["sleep", self.seconds()], ["sleep", 0], ["later_do", 0, 1, [["stop"]]]])
