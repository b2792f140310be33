"""The only outgoing HTTP: pushes over libcurl's multi interface, many at once, from one thread.

A push goes out at most once for each ``submit``. Left alone, libcurl repeats a POST by itself when
a reused connection dies without an answer; here the repeat is stopped and the push comes back as
AMBIGUOUS, so that whoever counts duplicates knows of every one.
"""

import select
import socket
from typing import Final

import pycurl

from tocsin.transport.guarded import (
    NOTHING_OF_LIBCURL,
    PermitAddress,
    guarded_easy,
    is_permitted,
    open_socket,
    system_roots,
)
from tocsin.transport.polling import action_of, watching
from tocsin.transport.pushes import (
    REASON_CHARACTERS,
    Push,
    Pushed,
    PushFailure,
    failure_of,
    head_is_whole,
    printable,
    retry_after_of,
)

__all__ = ["NullPushHttp", "PermitAddress", "Push", "PushFailure", "PushHttp", "Pushed"]

ANSWER_BYTES: Final = 4096

CONNECTIONS_TO_HOST: Final = 32
"""Over HTTP/1.1 no more requests are on the wire; what else was submitted waits in a queue."""


class _Transfer:
    """One pooled easy handle, and the facts of the push that it carries."""

    __slots__ = (
        "_headers",
        "_permit",
        "_secure",
        "allowed",
        "begun",
        "body",
        "easy",
        "head",
        "push",
        "refused",
    )

    def __init__(self, easy: pycurl.Curl, permit: PermitAddress) -> None:
        self.easy = easy
        self._permit = permit
        self.head: list[bytes] = []
        self.body = bytearray()
        self._secure = False
        self._headers: tuple[str, ...] = ()
        easy.setopt(pycurl.HEADERFUNCTION, self.head.append)
        easy.setopt(pycurl.WRITEFUNCTION, self._take_body)
        easy.setopt(pycurl.PREREQFUNCTION, self._before_request)
        easy.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def load(self, push: Push) -> None:
        """Make *push* the next one to be sent."""
        setopt = self.easy.setopt
        setopt(pycurl.URL, push.url)
        if push.headers is not self._headers:  # libcurl keeps those of the push before
            setopt(pycurl.HTTPHEADER, push.headers + NOTHING_OF_LIBCURL)
            self._headers = push.headers
        setopt(pycurl.POSTFIELDS, push.body)
        secure = push.url.startswith("https:")
        if secure is not self._secure:
            # Wait for a new connection to say whether it multiplexes. Without TLS none ever does,
            # and libcurl would hold everyone back until the first answer.
            setopt(pycurl.PIPEWAIT, secure)
            self._secure = secure
        self.push = push
        self.begun = self.allowed = self.refused = False
        self.head.clear()
        if self.body:
            self.body.clear()

    def answered(self) -> Pushed:
        """Return the result of a push whose answer arrived."""
        status = self.easy.getinfo(pycurl.RESPONSE_CODE)
        return Pushed(
            self.push.tag,
            status,
            None if 200 <= status < 300 else retry_after_of(self.head),
            printable(bytes(self.body), REASON_CHARACTERS) if self.body else "",
            None,
            self.easy.getinfo(pycurl.INFO_HTTP_VERSION) >= pycurl.CURL_HTTP_VERSION_2_0,
        )

    def failed(self, code: int) -> Pushed:
        """Return the result of a push that libcurl gave up with *code*.

        A status whose head came whole is an answer, whatever then happened to its body: that was
        cut here, or there.
        """
        if head_is_whole(self.head) and self.easy.getinfo(pycurl.RESPONSE_CODE) >= 200:
            return self.answered()
        refused = self.refused and not self.allowed
        failure = failure_of(code, begun=self.begun, refused=refused)
        return Pushed(self.push.tag, 0, None, "", failure)

    def _take_body(self, data: bytes) -> int:
        """Return how much of *data* was taken; libcurl ends the transfer when that is not all."""
        room = ANSWER_BYTES - len(self.body)
        self.body += data[:room]
        return len(data) if len(data) <= room else 0

    def _before_request(self, *_connection: object) -> int:
        """Let the request out, once: the second call is libcurl's own repeat."""
        if self.begun:
            return pycurl.PREREQFUNC_ABORT
        self.begun = True
        return pycurl.PREREQFUNC_OK

    def _open_socket(self, _purpose: int, address: pycurl.CurlSockAddr) -> socket.socket | int:
        """Return a socket for *address*, unless the guard refuses to have it connected."""
        if not is_permitted(self._permit, self.push.url, address):
            self.refused = True
            return pycurl.SOCKET_BAD
        self.allowed = True
        return open_socket(address)


class PushHttp:
    """Sends pushes over HTTP/2 and HTTP/1.1, on connections kept and shared; for one thread."""

    def __init__(
        self,
        *,
        permit_address: PermitAddress,
        ca_file: str | None,
        connect_timeout_ms: int = 10_000,
        timeout_ms: int = 30_000,
        max_connections: int = 256,
        max_per_host: int = CONNECTIONS_TO_HOST,
    ) -> None:
        """Open nothing yet.

        permit_address: is asked with host, numeric address and port before each connection.
        ca_file: the roots (PEM); None for those of the system. max_per_host: connections, not
        pushes; over HTTP/2 a connection carries up to 100 at a time.
        """
        self._permit_address = permit_address
        self._fault: Exception | None = None
        self._ca_file = ca_file or system_roots()
        self._connect_timeout_ms = connect_timeout_ms
        self._timeout_ms = timeout_ms
        self._idle: list[_Transfer] = []
        self._busy: dict[pycurl.Curl, _Transfer] = {}
        self._poll = select.epoll()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, watching(self._poll))
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, max_connections)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, max_per_host)
        self._multi.setopt(pycurl.M_MAXCONNECTS, max_connections)

    @property
    def in_flight(self) -> int:
        """How many pushes were submitted and not yet given back."""
        return len(self._busy)

    def submit(self, push: Push) -> None:
        """Take *push*; the next ``wait`` starts it.

        Raises ValueError when its URL or a header has other than ASCII characters.
        """
        transfer = self._idle.pop() if self._idle else self._new_transfer()
        try:
            transfer.load(push)
        except ValueError:
            self._idle.append(transfer)
            raise
        self._multi.add_handle(transfer.easy)
        self._busy[transfer.easy] = transfer

    def wait(self, timeout_ms: int) -> list[Pushed]:
        """Return what has finished, after at most *timeout_ms*; drives every transfer meanwhile.

        Returns early, and perhaps with nothing, whenever something moved: call it in a loop.
        Raises what *permit_address* raised, if it did; what finished then is lost with it.
        """
        multi = self._multi
        if multi.timeout() == 0:
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        finished = self._finished()
        due_ms = multi.timeout()
        patience_ms = timeout_ms if due_ms < 0 else min(due_ms, timeout_ms)
        events = self._poll.poll(0 if finished else patience_ms / 1000)
        for descriptor, event in events:
            multi.socket_action(descriptor, action_of(event))
        if not events and not finished:
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        finished += self._finished()
        if self._fault:
            fault, self._fault = self._fault, None
            raise fault
        return finished

    def close(self) -> None:
        """Abort what is on the wire and close every connection; a second call does nothing."""
        for easy in self._busy:
            self._multi.remove_handle(easy)
        self._multi.close()
        for transfer in [*self._idle, *self._busy.values()]:
            transfer.easy.close()
        self._idle.clear()
        self._busy.clear()
        self._poll.close()

    def _finished(self) -> list[Pushed]:
        """Return the results of the transfers that have ended, their handles back in the pool."""
        _, answered, failed = self._multi.info_read()
        finished = [self._release(easy).answered() for easy in answered]
        finished += [self._release(easy).failed(code) for easy, code, _ in failed]
        return finished

    def _release(self, easy: pycurl.Curl) -> _Transfer:
        """Return the transfer of *easy*, free for the next push."""
        self._multi.remove_handle(easy)
        transfer = self._busy.pop(easy)
        self._idle.append(transfer)
        return transfer

    def _permit(self, host: str, address: str, port: int) -> bool:
        """Return the guard's word; a guard that breaks has refused, and ``wait`` tells why."""
        try:
            return self._permit_address(host, address, port)
        except Exception as fault:  # noqa: BLE001 - an exception cannot cross libcurl; wait raises it
            self._fault = fault
            return False

    def _new_transfer(self) -> _Transfer:
        """Return a transfer with everything set that is the same for every push."""
        easy = guarded_easy(ca_file=self._ca_file)
        easy.setopt(pycurl.CONNECTTIMEOUT_MS, self._connect_timeout_ms)
        easy.setopt(pycurl.TIMEOUT_MS, self._timeout_ms)
        return _Transfer(easy, self._permit)


class NullPushHttp:
    """Answers every push with 201 at once and sends nothing; for measuring what is around it."""

    def __init__(self) -> None:
        self._taken: list[Push] = []

    @property
    def in_flight(self) -> int:
        """How many pushes were submitted and not yet given back."""
        return len(self._taken)

    def submit(self, push: Push) -> None:
        """Take *push*; the next ``wait`` gives it back."""
        self._taken.append(push)

    def wait(self, timeout_ms: int) -> list[Pushed]:  # noqa: ARG002 - its twin waits
        """Return every push taken since the last call, as accepted."""
        taken, self._taken = self._taken, []
        return [Pushed(push.tag, 201, None, "", None, True) for push in taken]

    def close(self) -> None:
        """Forget what was not given back."""
        self._taken.clear()
