"""Runs the Python programs in the comments of the examples, in virtual time. Fails unless each prints what the head of its
example shows. Tests in Rust compare the examples themselves with those heads.

    python3.13 tests/data/examples.py [examples/NAME.rs ...]

A program that catches `KeyboardInterrupt` is interrupted 3.5 seconds after its start.
"""

import asyncio
import contextlib
import io
import itertools
import pathlib
import re
import sys

# Examples without a Python program: what they show has no counterpart there, or they are servers.
WITHOUT_PROGRAM = {"debugging", "echo_protocol", "echo_server", "echo_streams"}


class TimerHandle(asyncio.TimerHandle):
    """Orders equal deadlines by when they were set, which CPython leaves to its heap."""

    __slots__ = ["_sequence"]
    counter = itertools.count()

    def __init__(self, *args):
        super().__init__(*args)
        self._sequence = next(self.counter)

    def __lt__(self, other):
        return (self._when, self._sequence) < (other._when, other._sequence)


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


class Interrupted(VirtualLoop):
    """A virtual loop that is interrupted as by Ctrl-C."""

    def __init__(self):
        super().__init__()
        self.call_later(3.5, self._interrupt)

    def _interrupt(self):
        raise KeyboardInterrupt

    def call_exception_handler(self, context):
        pass  # the tasks that are still pending


def run(source):
    asyncio.events.TimerHandle = TimerHandle
    loop = Interrupted if "KeyboardInterrupt" in source else VirtualLoop
    asyncio.new_event_loop = asyncio.events.new_event_loop = loop
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, {"asyncio": asyncio})
    return printed.getvalue()


def check(path):
    text = path.read_text()
    blocks = re.findall(r"(?ms)^/// ```python\n(.*?)^/// ```", text)
    if not blocks and path.stem in WITHOUT_PROGRAM:
        return True
    program = re.sub("(?m)^/// ?", "", "".join(blocks))
    head = re.findall(r"(?ms)^//! ```text\n(.*?)^//! ```", text)[-1]
    shown = re.sub("(?m)^//! ?", "", head)
    printed = run(program)
    if printed != shown:
        print(f"{path}: the head shows\n{shown}and Python prints\n{printed}")
    return printed == shown


here = pathlib.Path(__file__).parents[2] / "examples"
paths = [pathlib.Path(path) for path in sys.argv[1:]] or sorted(here.glob("*.rs"))
sys.exit(0 if all([check(path) for path in paths]) else 1)
