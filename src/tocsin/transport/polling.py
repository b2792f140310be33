"""libcurl's multi interface on epoll: what it wants watched, and what has moved."""

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pycurl

_EVENTS: Final = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
    pycurl.POLL_NONE: 0,
}


def watching(poll: select.epoll) -> Callable[[int, int, object, object], None]:
    """Return a SOCKETFUNCTION that has *poll* wait for what libcurl wants to know."""

    def watch(what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            with suppress(OSError):  # closed before: the kernel has forgotten it already
                poll.unregister(descriptor)
            return
        try:
            poll.register(descriptor, _EVENTS[what])
        except FileExistsError:
            poll.modify(descriptor, _EVENTS[what])

    return watch


def action_of(event: int) -> int:
    """Return libcurl's word for epoll's *event*; errors are reported as such and found by it."""
    action = 0
    if event & select.EPOLLIN:
        action |= pycurl.CSELECT_IN
    if event & select.EPOLLOUT:
        action |= pycurl.CSELECT_OUT
    if event & ~(select.EPOLLIN | select.EPOLLOUT):
        action |= pycurl.CSELECT_ERR
    return action
