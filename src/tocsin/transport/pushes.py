"""What is pushed and what came of it: values, and the reading of libcurl's and the peer's words."""

from enum import Enum
from typing import Final, NamedTuple

import pycurl

REASON_CHARACTERS: Final = 200
_RETRY_AFTER_CHARACTERS: Final = 64

_TLS_CODES: Final = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_INVALIDCERTSTATUS,
        pycurl.E_USE_SSL_FAILED,
    }
)
_NOT_OURS_CODES: Final = frozenset(
    {pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_URL_MALFORMAT, pycurl.E_LOGIN_DENIED}
)


class PushFailure(Enum):
    """Why no answer came. Only AMBIGUOUS leaves it open whether the push service took the push."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    AMBIGUOUS = "ambiguous"
    REFUSED_ADDRESS = "refused_address"


class Push(NamedTuple):
    """One request: a POST of *body* to *url* with *headers*, complete lines without line ends."""

    url: str
    headers: tuple[str, ...]
    body: bytes
    tag: object


class Pushed(NamedTuple):
    """What became of a push: the push service's status, or 0 and the failure.

    retry_after: the header as it came, None on a 2xx. reason: the first 200 printable characters
    of the answer's body. multiplexed: the answer came on a connection that carries many requests at
    a time, as those of HTTP/2 do.
    """

    tag: object
    status: int
    retry_after: str | None
    reason: str
    failure: PushFailure | None
    multiplexed: bool = False


def failure_of(code: int, *, begun: bool, refused: bool) -> PushFailure:
    """Return what libcurl's error *code* means for a push that got no answer.

    begun: the request was handed to a connection, so bytes of it may have left.
    refused: the guard let none of the host's addresses through.
    """
    if begun:
        return PushFailure.AMBIGUOUS
    if refused or code in _NOT_OURS_CODES:
        return PushFailure.REFUSED_ADDRESS
    if code in _TLS_CODES:
        return PushFailure.TLS
    return PushFailure.UNREACHABLE


def retry_after_of(head: list[bytes]) -> str | None:
    """Return the value of Retry-After (RFC 9110 section 10.2.3) among *head*'s lines."""
    for line in reversed(head):
        name, _, value = line.partition(b":")
        if name.lower() == b"retry-after":
            return printable(value, _RETRY_AFTER_CHARACTERS).strip() or None
    return None


def printable(raw: bytes, characters: int) -> str:
    """Return the first *characters* printable ones of *raw*, read as UTF-8 as far as it is that."""
    return "".join(filter(str.isprintable, raw.decode(errors="ignore")))[:characters]


def head_is_whole(head: list[bytes]) -> bool:
    """Return whether the last head among *head*'s lines has come to its empty line."""
    starts = [at for at, line in enumerate(head) if line.startswith(b"HTTP/")]
    return bool(starts) and b"\r\n" in head[starts[-1] :]
