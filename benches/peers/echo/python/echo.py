"""Echo server on asyncio or uvloop: echo.py PORT {asyncio,uvloop} {protocols,streams}"""
import asyncio
import os
import sys

port, loopname, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]

class Echo(asyncio.Protocol):
    def connection_made(self, t):
        self.t = t
    def data_received(self, d):
        self.t.write(d)

async def stream(r, w):
    try:
        while d := await r.read(16384):
            w.write(d)
            await w.drain()
    except ConnectionError:
        pass
    w.close()

async def main():
    loop = asyncio.get_running_loop()
    if kind == "streams":
        s = await asyncio.start_server(stream, "127.0.0.1", port, backlog=8192)
    else:
        s = await loop.create_server(Echo, "127.0.0.1", port, backlog=8192)
    loop.set_exception_handler(lambda l, c: None)
    print("READY", os.getpid(), flush=True)
    async with s:
        await s.serve_forever()

if loopname == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(main())
