"""relay.py MILLISECONDS HOST:PORT… - a network of some length in front of loopback servers; says on which ports, one a line, until it is ended.

What a round trip takes longer: opening a connection takes MILLISECONDS, and what is sent arrives half as much later, either way, in order.
Bytes pass as they are, TLS too.
"""
import asyncio
import sys

ROUND_TRIP = float(sys.argv[1]) / 1000


async def carry(reader, writer):
    """One way of a connection."""
    loop, under_way = asyncio.get_running_loop(), asyncio.Queue()

    async def arrive():
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(due - loop.time())
            if not chunk:
                return writer.close()
            writer.write(chunk)

    arriving = asyncio.create_task(arrive())
    try:
        while chunk := await reader.read(1 << 16):
            under_way.put_nowait((loop.time() + ROUND_TRIP / 2, chunk))
    except ConnectionError:
        pass
    under_way.put_nowait((loop.time() + ROUND_TRIP / 2, b""))
    await arriving


async def listen(target):
    host, port = target.rsplit(":", 1)

    async def opened(reader, writer):
        await asyncio.sleep(ROUND_TRIP)
        there = await asyncio.open_connection(host, int(port))
        await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

    server = await asyncio.start_server(opened, "127.0.0.1", 0, backlog=128)
    return server.sockets[0].getsockname()[1], server


async def main():
    listening = [await listen(target) for target in sys.argv[2:]]
    for port, _ in listening:
        print(port, flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
