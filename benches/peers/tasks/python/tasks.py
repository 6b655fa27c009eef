"""What tasks cost on asyncio or uvloop: tasks.py {asyncio,uvloop} BENCH [N]; a JSON object a line."""
import asyncio
import gc
import json
import random
import sys
import time

which, bench = sys.argv[1], sys.argv[2]
N = int(sys.argv[3]) if len(sys.argv) > 3 else 0
peer = f"{which}, Python {sys.version_info[0]}.{sys.version_info[1]}"

def rss():
    for l in open("/proc/self/status"):
        if l.startswith("VmRSS:"):
            return int(l.split()[1]) * 1024

class T:
    def __init__(self):
        self.c, self.w = time.process_time_ns(), time.perf_counter_ns()
    def done(self, b, n, **x):
        w, c = time.perf_counter_ns() - self.w, time.process_time_ns() - self.c
        print(json.dumps(dict(peer=peer, bench=b, n=n, wall_ns=round(w / n, 1), cpu_ns=round(c / n, 1), **x)), flush=True)

async def nop():
    pass

async def main():
    loop = asyncio.get_running_loop()
    if bench == "spawn_one":
        n = N or 200_000
        t = T()
        for _ in range(n):
            await loop.create_task(nop())
        t.done(bench, n)
    elif bench == "spawn_batch":
        n = N or 200_000
        t = T()
        for _ in range(n // 1000):
            for h in [loop.create_task(nop()) for _ in range(1000)]:
                await h
        t.done(bench, n)
    elif bench in ("yield_one", "yield_thousand"):
        n = N or 1_000_000
        k = 1 if bench == "yield_one" else 1000
        async def y(m):
            for _ in range(m):
                await asyncio.sleep(0)
        t = T()
        for h in [loop.create_task(y(n // k)) for _ in range(k)]:
            await h
        t.done(bench, n)
    elif bench == "call_soon":
        n = (N or 200_000) // 1000 * 1000
        ran = [0]
        def count():
            ran[0] += 1
        t = T()
        for _ in range(n // 1000):
            for _ in range(1000):
                loop.call_soon(count)
            await asyncio.sleep(0)
        t.done(bench, n)
        assert ran[0] == n
    elif bench == "handover":
        n = N or 200_000
        a, b = asyncio.Queue(), asyncio.Queue()
        async def echo():
            for _ in range(n):
                b.put_nowait(await a.get())
        t = T()
        h = loop.create_task(echo())
        for i in range(n):
            a.put_nowait(i)
            await b.get()
        await h
        t.done(bench, n)
    elif bench == "future":
        n = N or 200_000
        cur, lat, stop = [None], [], []
        stamp = [0]
        async def waiter():
            for _ in range(n):
                f = loop.create_future()
                cur[0] = f
                await f
                lat.append(time.perf_counter_ns() - stamp[0])
            stop.append(1)
        async def setter():
            while not stop:
                f, cur[0] = cur[0], None
                if f is not None:
                    stamp[0] = time.perf_counter_ns()
                    f.set_result(None)
                await asyncio.sleep(0)
        t = T()
        w, s = loop.create_task(waiter()), loop.create_task(setter())
        await w
        await s
        lat.sort()
        t.done(bench, n, wake_p50_ns=lat[n // 2], wake_p99_ns=lat[n * 99 // 100])
    elif bench == "timers":
        n = N or 200_000
        r = random.Random(1)
        t = T()
        hs = [loop.call_later(10 + r.random(), int) for _ in range(n)]
        t.done("timer_set", n)
        t = T()
        for h in hs:
            h.cancel()
        await asyncio.sleep(0)
        t.done("timer_cancel", n)
    elif bench == "timer_fire":
        n = N or 200_000
        r = random.Random(1)
        left, over = [n], loop.create_future()
        def fired():
            left[0] -= 1
            if not left[0]:
                over.set_result(None)
        t = T()
        for _ in range(n):
            loop.call_later(r.random(), fired)
        await over
        t.done(bench, n)
    elif bench == "sleep":
        n = N or 200_000
        r = random.Random(1)
        late = []
        async def one(d):
            due = loop.time() + d
            await asyncio.sleep(d)
            late.append(time.monotonic() - due)
        t = T()
        hs = [loop.create_task(one(r.random())) for _ in range(n)]
        for h in hs:
            await h
        t.done(bench, n, late_us=round(sum(late) / n * 1e6, 1), latest_us=round(max(late) * 1e6, 1))
    elif bench == "parked_future":
        n = N or 200_000
        gc.collect()
        r0 = rss()
        t = T()
        async def park(f):
            await f
        fs = [loop.create_future() for _ in range(n)]
        hs = [loop.create_task(park(f)) for f in fs]
        await asyncio.sleep(0)
        t.done(bench, n, bytes=round((rss() - r0) / n, 1))
        t = T()
        for f in fs:
            f.set_result(None)
        for h in hs:
            await h
        t.done("wake_all", n)
    else:
        sys.exit(f"there is no {bench}")

if which == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(main())
