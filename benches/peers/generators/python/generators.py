"""CPython's generators: generators.py {resume,create,depth,tree} [N]"""
import collections
import json
import sys
import threading
import time

PEER = f"CPython {sys.version_info[0]}.{sys.version_info[1]}"


def timed(bench, n, run, peer=PEER):
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    run()
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    print(json.dumps(dict(peer=peer, bench=bench, n=n, wall_ns=round(wall / n, 3), cpu_ns=round(cpu / n, 3))), flush=True)


def counter(n):
    for number in range(n):
        yield number


def nested(depth, n):
    if depth <= 1:
        yield from counter(n)
    else:
        yield from nested(depth - 1, n)


def exhaust(numbers):
    collections.deque(numbers, maxlen=0)


def tree(least, end):
    if least >= end:
        return None
    middle = (least + end) // 2
    return (middle, tree(least, middle), tree(middle + 1, end))


def walk(node):
    if node is not None:
        yield from walk(node[1])
        yield node[0]
        yield from walk(node[2])


def check_walk(root, n):
    expected = 0
    for key in walk(root):
        assert key == expected
        expected += 1
    assert expected == n


def create(n):
    for _ in range(n):
        next(counter(2))


def main():
    bench, n = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if bench == "resume":
        n = n or 5_000_000
        timed("resume_boxed", n, lambda: exhaust(counter(n)))
    elif bench == "create":
        n = n or 1_000_000
        timed("create", n, lambda: create(n))
    elif bench == "depth":
        for depth in (1, 10, 100, 1000, 100_000):
            count = n or max(100, min(2_000_000, 10_000_000 // depth))
            numbers = nested(depth, count)
            next(numbers)  # has the frames made
            timed(f"depth_{depth}", count - 1, lambda: exhaust(numbers))
    elif bench == "tree":
        n = n or (1 << 20) - 1
        root = tree(0, n)
        timed("tree", n, lambda: check_walk(root, n))
    else:
        sys.exit(f"there is no {bench}")


sys.setrecursionlimit(1_000_000)
threading.stack_size(1 << 30)
thread = threading.Thread(target=main)
thread.start()
thread.join()
