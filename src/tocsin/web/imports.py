"""Subscribers as NDJSON lines: read for an import, written for an export.

The command line and the HTTP API share it: one result per line, in constant memory.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.container import Container
from tocsin.domain.enrolment import Enrolment
from tocsin.domain.errors import Fault, Invalid, TocsinError, Unavailable
from tocsin.domain.instants import iso_text
from tocsin.domain.registration import read_registration
from tocsin.domain.subscription import Subscriber
from tocsin.services.subscribers import Enrolled
from tocsin.web.strict_json import loads

AT_ONCE: Final = 1000
FILE_AT_ONCE: Final = 5000
"""Of a file: in larger groups a line costs less, and other writers wait for a group longer."""
GROUP_BYTES: Final = 8 * 1024 * 1024
LONGEST_LINE_BYTES: Final = 65_536


class Subscribers(Protocol):
    """Who takes registrations."""

    def register(self, group: Sequence[Enrolment]) -> Sequence[Enrolled | TocsinError]: ...


class Containers(Protocol):
    """What finds a container of an account."""

    def find(self, scope: Scope, name: str) -> Container: ...


def import_lines(
    lines: Iterable[bytes],
    scope: Scope,
    *,
    subscribers: Subscribers,
    containers: Containers,
    first: int = 1,
    at_once: int = AT_ONCE,
) -> Iterator[dict[str, Any]]:
    """Take one subscriber per line; yield one result per line that is not blank, in order.

    A line that cannot be taken does not hold up the others. *at_once* lines, or as many as come to
    GROUP_BYTES, are one transaction: their results are yielded after its commit, so what was
    yielded as taken is on the disk, and an import that was cut short may simply be run again (an
    endpoint that is known is updated).
    first: the number of the first of *lines*.
    """
    known: dict[str, Container] = {}

    def container_of(name: str | None) -> Container:
        if name is None:
            raise Invalid((Fault("container", "is required: the id or key of a container"),))
        if name not in known:
            known[name] = containers.find(scope, name)
        return known[name]

    for group in _groups(enumerate(lines, first), at_once):
        results: dict[int, dict[str, Any]] = {}
        enrolments: list[tuple[int, Enrolment]] = []
        for number, line in group:
            try:
                registration = read_registration(_loads(line), source="import")
                container = container_of(registration.container)
            except Unavailable:  # not the line's fault: the import ends, and may be run again
                raise
            except TocsinError as error:
                results[number] = _refused(number, error)
            else:
                enrolments.append((number, Enrolment(container, registration, {}, imported=True)))
        taken = subscribers.register([enrolment for _, enrolment in enrolments])
        for (number, _), result in zip(enrolments, taken, strict=True):
            if isinstance(result, TocsinError):
                results[number] = _refused(number, result)
            else:
                status = "created" if result.created else "updated"
                results[number] = {"line": number, "status": status, "id": str(result.id)}
        for number, _ in group:
            yield results[number]


def _groups(lines: Iterable[tuple[int, bytes]], at_once: int) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the lines that are not blank in groups of which each becomes a transaction."""
    group: list[tuple[int, bytes]] = []
    size = 0
    for number, line in lines:
        if line.isspace() or not line:
            continue
        group.append((number, line))
        size += len(line)
        if len(group) == at_once or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _loads(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST_LINE_BYTES:
        raise Invalid((Fault("", f"the line is longer than {LONGEST_LINE_BYTES} bytes"),))
    return loads(line, what="the line")


def _refused(number: int, error: TocsinError) -> dict[str, Any]:
    return {"line": number, "status": "error", "message": str(error)}


def export_line(subscriber: Subscriber, *, keys: bool) -> str:
    """Return *subscriber* as a line that import_lines takes.

    keys: with the subscription's secrets. Without them the line tells of the person and cannot
    be imported.
    """
    attributes, subscription = subscriber.attributes, subscriber.subscription
    line: dict[str, Any] = {"id": str(subscriber.id)}
    if keys:
        line["subscription"] = {
            "endpoint": subscription.endpoint,
            "keys": {
                "p256dh": _base64url(subscription.p256dh),
                "auth": _base64url(subscription.auth),
            },
        }
    line |= {
        "container": str(attributes.container_id),
        "application": attributes.host,
        "country": attributes.country,
        "region": attributes.region,
        "city": attributes.city,
        "language": attributes.language,
        "timezone": attributes.time_zone,
        "browser": None if attributes.browser is None else str(attributes.browser),
        "os": None if attributes.os is None else str(attributes.os),
        "remote_user_id": attributes.remote_user_id,
        "user_data": attributes.user_data,
        "subscribed_at": iso_text(attributes.subscribed_ms),
        "last_seen": iso_text(subscriber.last_seen_ms),
        "status": "active" if subscriber.active else "unsubscribed",
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
