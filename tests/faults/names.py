"""A name server of the test's own, and programs that ask no other one."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

NAME_SERVER: Final = "127.0.0.53"
_PORT: Final = 53
_OF_IPV4, _INTERNET = 1, 1  # the type A and the class IN
_IS_ANSWER: Final = 0x8180  # recursion was desired, and is available
_POINTER_TO_QUESTION: Final = 0xC00C


class Failure(IntEnum):
    """What is answered instead of an address (RFC 1035 section 4.1.1)."""

    SERVFAIL = 2
    NXDOMAIN = 3


@dataclass
class NameServer:
    """Answers over UDP (RFC 1035), for the names that it knows.

    names: an IPv4 address as text, or a failure. late_s: after how long a name is answered, if not
    at once. asked: how often each name was asked for its IPv4 address.
    """

    names: dict[str, str | Failure]
    late_s: dict[str, float] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def _answer(self, query: bytes) -> tuple[str, bytes]:
        """Return the name that is asked for, and the answer."""
        number, _, questions = struct.unpack_from("!3H", query)
        assert questions == 1
        end = query.index(0, 12)
        labels, at = [], 12
        while at < end:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        name = ".".join(labels).lower()
        (kind,) = struct.unpack_from("!H", query, end + 1)
        self.asked[name] += kind == _OF_IPV4
        found = self.names.get(name, Failure.NXDOMAIN)
        failure, records = (found, b"") if isinstance(found, Failure) else (0, b"")
        if isinstance(found, str) and kind == _OF_IPV4:
            head = struct.pack("!3HIH", _POINTER_TO_QUESTION, _OF_IPV4, _INTERNET, 0, 4)
            records = head + socket.inet_aton(found)
        header = struct.pack("!6H", number, _IS_ANSWER | failure, 1, bool(records), 0, 0)
        return name, header + query[12 : end + 5] + records

    def serve(self, listener: socket.socket) -> None:
        """Answer until *listener* is shut down."""
        while True:
            query, whom = listener.recvfrom(512)
            if not query:
                return
            name, answer = self._answer(query)
            if late_s := self.late_s.get(name):
                later = threading.Timer(late_s, _send, (listener, answer, whom))
                later.daemon = True
                later.start()
            else:
                _send(listener, answer, whom)


def _send(listener: socket.socket, answer: bytes, whom: tuple[str, int]) -> None:
    if listener.fileno() >= 0:  # a late one may find that nobody serves any more
        listener.sendto(answer, whom)


@contextmanager
def name_server(names: dict[str, str | Failure]) -> Iterator[NameServer]:
    """Yield one that answers on this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((NAME_SERVER, _PORT))
        server = NameServer(names)
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            listener.sendto(b"", (NAME_SERVER, _PORT))
            thread.join()


def asking(directory: Path) -> list[str]:
    """Return what comes before a command that is to ask our name server, and no name twice."""
    file = directory / "resolv.conf"
    file.write_text(f"nameserver {NAME_SERVER}\noptions attempts:1\n")
    mounted = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mounted, str(file)]
