"""Asking demand sources: libcurl driven by a thread of its own, awaited from asyncio.

A source is a stranger. It is asked at the addresses that the hosts permit and follows nobody
elsewhere; its answer is cut at the most that is read, is never unpacked, and ends in time whatever
it does: the limit counts from the question, with the name's look-up and the connection in it.
"""

import asyncio
import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Final

from tocsin.domain.draw import Why
from tocsin.exchange.answers import Got
from tocsin.exchange.hosts import ExchangeHosts
from tocsin.exchange.question import Ask
from tocsin.transport.exchange_wire import ExchangeWire, Fetch, failed
from tocsin.transport.guarded import system_roots

_PRINTABLE: Final = frozenset(map(chr, range(0x20, 0x7F))) | {"\t"}


class ExchangeClient:
    """Fetches answers, any number at once; how many is the caller's business."""

    def __init__(self, hosts: ExchangeHosts, *, ca_file: Path | None) -> None:
        """Open nothing yet: the thread begins with the first fetch.

        ca_file: the roots (PEM); None for those of the system.
        """
        self._hosts = hosts
        self._ca_file = system_roots() if ca_file is None else str(ca_file)
        self._lock = Lock()
        self._is_closed = False
        self._told: deque[Fetch] = deque()
        self._bell = -1
        self._thread: Thread | None = None

    async def fetch(self, ask: Ask, *, timeout_ms: int) -> Got:
        """Return what came of *ask* within *timeout_ms*; who is cancelled gives the question up.

        Raises ValueError when the URL or a header is more than one line of ASCII. A client that is
        closed reaches nobody.
        """
        for text in (ask.url, *ask.headers):
            if not _PRINTABLE.issuperset(text):
                raise ValueError("a URL and its headers must be lines of ASCII")
        if timeout_ms <= 0:
            return failed(Why.TIMEOUT)
        fetch = Fetch(ask, timeout_ms, asyncio.get_running_loop())
        if not self._tell(fetch):
            return failed(Why.UNREACHABLE)
        try:
            return await fetch.answer
        except asyncio.CancelledError:
            fetch.is_given_up = True
            self._tell(fetch)
            raise

    def close(self) -> None:
        """Abort what is on the wire and end the thread; a second call does nothing."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
            if thread is None:
                return
            os.eventfd_write(self._bell, 1)
        thread.join()
        os.close(self._bell)

    def _tell(self, fetch: Fetch) -> bool:
        """Hand *fetch* to the thread; return whether there still is one."""
        with self._lock:
            if self._is_closed:
                return False
            if self._thread is None:
                self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
                self._thread = Thread(target=self._run, name="exchange-client", daemon=True)
                self._thread.start()
            self._told.append(fetch)
            os.eventfd_write(self._bell, 1)
            return True

    def _run(self) -> None:
        """Drive the wire until the client is closed; nobody is left waiting, whatever ends it."""
        wire = ExchangeWire(self._hosts.may_connect, ca_file=self._ca_file, bell=self._bell)
        try:
            while not self._is_closed:
                with suppress(IndexError):
                    while True:
                        wire.take(self._told.popleft())
                wire.turn()
        finally:
            with self._lock:
                self._is_closed = True
            wire.close()
            for fetch in self._told:
                fetch.settle(failed(Why.UNREACHABLE))
