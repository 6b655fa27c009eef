"""Reads a file in pieces of 64 KiB, and the first lines of another one. Prints the nanoseconds of each piece and of each line."""

import asyncio
import sys
import time

import aiofiles

LINES = 20_000


async def main(data, log):
    pieces = 0
    async with aiofiles.open(data, "rb") as file:
        began = time.perf_counter_ns()
        while await file.read(64 * 1024):
            pieces += 1
        piece = (time.perf_counter_ns() - began) // pieces
    count = 0
    async with aiofiles.open(log) as file:
        began = time.perf_counter_ns()
        async for _ in file:
            count += 1
            if count == LINES:
                break
        print(piece, (time.perf_counter_ns() - began) // count)


asyncio.run(main(*sys.argv[1:]))
