"""A relay: `python relay.py HERE THERE PORT` hands on every connection, byte for byte.

In a network namespace it is how the push service is on loopback: a plain address would be refused.
"""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress


async def serve(here: str, there: str, port: int) -> None:
    """Listen until the process ends."""

    async def relay(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(there, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    server = await asyncio.start_server(relay, here, port, backlog=1024)
    print(f"relaying from {here}:{port}", flush=True)
    await server.serve_forever()


async def copy(source: StreamReader, sink: StreamWriter) -> None:
    """Hand on until the source ends, and then end the sink."""
    with suppress(OSError):
        while some := await source.read(65_536):
            sink.write(some)
            await sink.drain()
    sink.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
