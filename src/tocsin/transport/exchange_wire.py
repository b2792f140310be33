"""The questions that are on the wire: one libcurl handle each, all of them in one thread."""

import asyncio
import os
import select
import socket
from contextlib import suppress
from typing import Final

import pycurl

from tocsin.domain.draw import Why
from tocsin.exchange.answers import MAX_BODY_BYTES, Got
from tocsin.exchange.question import Ask
from tocsin.transport.guarded import (
    NOTHING_OF_LIBCURL,
    PermitAddress,
    guarded_easy,
    is_permitted,
    open_socket,
)
from tocsin.transport.polling import action_of, watching

KEPT_CONNECTIONS: Final = 256

_TAKEN_AS_IT_IS: Final = "Accept-Encoding: identity"
_WANTED: Final = (b"content-type", b"content-encoding")
_VALUE_BYTES: Final = 256

# What came is no HTTP, or not as it was asked for; everything else is a connection that failed.
_MALFORMED_CODES: Final = frozenset(
    {
        8,  # CURLE_WEIRD_SERVER_REPLY; pycurl has no name for it, nor for the next
        pycurl.E_UNSUPPORTED_PROTOCOL,  # HTTP/0.9
        pycurl.E_BAD_CONTENT_ENCODING,
        100,  # CURLE_TOO_LARGE: a head without an end
    }
)


def failed(why: Why) -> Got:
    """Return what came of a question that got no whole answer."""
    return Got(0, "", "", b"", why)


class Fetch:
    """One question, and whoever waits for its answer in another thread."""

    def __init__(self, ask: Ask, timeout_ms: int, loop: asyncio.AbstractEventLoop) -> None:
        self.ask = ask
        self.timeout_ms = timeout_ms
        self.is_given_up = False
        self.answer: asyncio.Future[Got] = loop.create_future()
        self._loop = loop

    def settle(self, got: Got) -> None:
        """Let whoever waits have *got*; from any thread."""
        with suppress(RuntimeError):  # their loop is closed
            self._loop.call_soon_threadsafe(self._tell, got)

    def _tell(self, got: Got) -> None:
        if not self.answer.done():
            self.answer.set_result(got)


class _Transfer:
    """The handle that carries a fetch, and what came of it so far."""

    def __init__(self, fetch: Fetch, permit: PermitAddress, *, ca_file: str | None) -> None:
        self.fetch = fetch
        self._permit = permit
        self._body = bytearray()
        self._values: dict[bytes, list[str]] = {}
        self.easy = easy = guarded_easy(ca_file=ca_file)
        ask = fetch.ask
        easy.setopt(pycurl.URL, ask.url)
        easy.setopt(pycurl.HTTPHEADER, (*ask.headers, _TAKEN_AS_IT_IS, *NOTHING_OF_LIBCURL))
        if ask.body is not None:
            easy.setopt(pycurl.POSTFIELDS, ask.body)
        easy.setopt(pycurl.CUSTOMREQUEST, ask.method)
        easy.setopt(pycurl.TIMEOUT_MS, fetch.timeout_ms)
        easy.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        # Wait for a new connection to say whether it multiplexes; without TLS none ever does.
        easy.setopt(pycurl.PIPEWAIT, ask.url.lower().startswith("https:"))
        easy.setopt(pycurl.HEADERFUNCTION, self._take_line)
        easy.setopt(pycurl.WRITEFUNCTION, self._take_body)
        easy.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def got(self, code: int) -> Got:
        """Return what came of it, when libcurl ended it with *code*."""
        if code != pycurl.E_OK and len(self._body) <= MAX_BODY_BYTES:
            return failed(_failure_of(code))
        content_type, content_encoding = (", ".join(self._values.get(name, ())) for name in _WANTED)
        status: int = self.easy.getinfo(pycurl.RESPONSE_CODE)
        return Got(status, content_type, content_encoding, bytes(self._body), None)

    def _take_line(self, line: bytes) -> None:
        """Note a line of a head; of several heads the last counts."""
        if line.startswith(b"HTTP/"):
            self._values.clear()
            return
        name, _, value = line.partition(b":")
        if (name := name.strip().lower()) in _WANTED:
            text = value[:_VALUE_BYTES].decode("latin-1").strip()
            self._values.setdefault(name, []).append(text)

    def _take_body(self, data: bytes) -> int:
        """Return how much of *data* was taken; libcurl ends the transfer when that is not all."""
        room = MAX_BODY_BYTES + 1 - len(self._body)
        self._body += data[:room]
        return len(data) if len(data) < room else 0

    def _open_socket(self, _purpose: int, address: pycurl.CurlSockAddr) -> socket.socket | int:
        """Return a socket for *address*, unless the guard refuses to have it connected."""
        if not is_permitted(self._permit, self.fetch.ask.url, address):
            return pycurl.SOCKET_BAD
        return open_socket(address)


class ExchangeWire:
    """All transfers, and the connections that they share; for one thread."""

    def __init__(self, permit: PermitAddress, *, ca_file: str | None, bell: int) -> None:
        """Open nothing yet. bell: an eventfd; ringing it ends a turn."""
        self._permit = permit
        self._ca_file = ca_file
        self._bell = bell
        self._busy: dict[pycurl.Curl, _Transfer] = {}
        self._poll = select.epoll()
        self._poll.register(bell, select.EPOLLIN)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, watching(self._poll))
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAXCONNECTS, KEPT_CONNECTIONS)

    def take(self, fetch: Fetch) -> None:
        """Begin *fetch*, or stop it when it was given up meanwhile."""
        if fetch.is_given_up:
            for easy in [easy for easy, one in self._busy.items() if one.fetch is fetch]:
                self._release(easy)
            return
        try:
            transfer = _Transfer(fetch, self._permit, ca_file=self._ca_file)
        except pycurl.error:  # nothing is left to make it of; whoever waits must not wait for ever
            fetch.settle(failed(Why.UNREACHABLE))
            return
        self._busy[transfer.easy] = transfer
        self._multi.add_handle(transfer.easy)

    def turn(self) -> None:
        """Wait until something moves, a limit is over or the bell rings; settle what has ended."""
        multi = self._multi
        if multi.timeout() == 0:
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._settle()
        due_ms = multi.timeout()
        events = self._poll.poll(-1 if due_ms < 0 else due_ms / 1000)
        for descriptor, event in events:
            if descriptor == self._bell:
                os.eventfd_read(self._bell)
            else:
                multi.socket_action(descriptor, action_of(event))
        if not events:
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._settle()

    def close(self) -> None:
        """Abort what is on the wire, and close every connection."""
        for easy, transfer in list(self._busy.items()):
            self._release(easy)
            transfer.fetch.settle(failed(Why.UNREACHABLE))
        self._multi.close()
        self._poll.close()

    def _settle(self) -> None:
        _, answered, ended = self._multi.info_read()
        codes = [(easy, pycurl.E_OK) for easy in answered]
        for easy, code in [*codes, *((easy, code) for easy, code, _ in ended)]:
            transfer = self._busy[easy]
            got = transfer.got(code)
            self._release(easy)
            transfer.fetch.settle(got)

    def _release(self, easy: pycurl.Curl) -> None:
        del self._busy[easy]
        self._multi.remove_handle(easy)
        easy.close()


def _failure_of(code: int) -> Why:
    """Return what libcurl's error *code* means for a question."""
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return Why.TIMEOUT
    return Why.MALFORMED if code in _MALFORMED_CODES else Why.UNREACHABLE
