"""The push service of the virtual subscribers, in a thread of this process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.simulators.push_service import PushService

HOST = "127.0.0.1"


@contextmanager
def running(service: PushService, *, port: int) -> Iterator[None]:
    """Let *service* listen on *port* (0: any) until the block ends. Raises OSError: it is taken."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(service.start(HOST, port))
        thread = threading.Thread(target=loop.run_forever, name="push service")
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.run_until_complete(service.close())
    finally:
        loop.close()
