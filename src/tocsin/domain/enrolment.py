"""How a registration becomes a subscriber, new or known: pure, no look-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tocsin.domain.container import Container
from tocsin.domain.dictionaries import country_of_time_zone
from tocsin.domain.place import without_contradictions
from tocsin.domain.registration import Registration
from tocsin.domain.subscriber import Attributes
from tocsin.domain.subscription import Subscriber, Subscription


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A registration for a container. derived: what else is known of the caller, by attribute.

    derived comes from the user agent, the Accept-Language header, the Origin and the address; it
    stands only where nothing was given. imported: no browser sent it, so it shows no tag at work.
    """

    container: Container
    registration: Registration
    derived: Mapping[str, Any]
    imported: bool = False


_COUNTED_BITS: Final = 22
_END_OF_IDS: Final = 1 << 64
_UNKNOWN: Final[Mapping[str, Any]] = {
    "host": None,
    "country": None,
    "region": None,
    "city": None,
    "language": None,
    "time_zone": None,
    "browser": None,
    "os": None,
    "remote_user_id": None,
    "user_data": None,
}


class IdTaken(RuntimeError):
    """One of the ids for newcomers is somebody's already: other ones are to be drawn."""


def fresh_ids(now_ms: int, drawn: bytes, count: int) -> list[int]:
    """Return *count* unsigned 64-bit ids for newcomers; each is unlike to be anybody's.

    They grow with time, so that the index of 20 million of them is appended to and not written
    all over: the upper 42 bits are now_ms (until the year 2109), the lower 22 count up from what
    was drawn (3 bytes). So an id tells when somebody came, but not how many others did.
    """
    first = (now_ms << _COUNTED_BITS) + (int.from_bytes(drawn, "big") >> 24 - _COUNTED_BITS)
    return [number % _END_OF_IDS for number in range(first, first + count)]


def newcomer(enrolment: Enrolment, *, ordinal: int, subscriber_id: int, now_ms: int) -> Subscriber:
    """Return the subscriber that a first registration makes."""
    registration, container = enrolment.registration, enrolment.container
    values = {
        **_UNKNOWN,
        "subscribed_ms": now_ms,
        **_page(registration),
        **{name: value for name, value in enrolment.derived.items() if value is not None},
        **registration.given,
    }
    return Subscriber(
        root_id=container.root_id,
        ordinal=ordinal,
        id=subscriber_id,
        active=registration.active,
        attributes=_attributes(container, values, given=registration.given),
        subscription=Subscription(
            endpoint=registration.endpoint,
            p256dh=registration.p256dh,
            auth=registration.auth,
            vapid_key_id=container.vapid_key_id,
        ),
        last_seen_ms=_last_seen(registration, now_ms),
    )


def returning(known: Subscriber, enrolment: Enrolment, *, now_ms: int) -> Subscriber:
    """Return *known* after another registration: given attributes replace, absent ones stay.

    What was derived fills only gaps, and those of a place only where it does not contradict what
    is known. An endpoint or keys that differ make a new generation.
    """
    registration, container = enrolment.registration, enrolment.container
    values = {name: getattr(known.attributes, name) for name in Attributes.__dataclass_fields__}
    gaps = {
        name: value
        for name, value in without_contradictions(enrolment.derived, values).items()
        if value is not None and values[name] is None
    }
    if not enrolment.derived.get("host"):
        values |= _page(registration)
    values |= gaps | dict(registration.given)
    return replace(
        known,
        active=registration.active,
        attributes=_attributes(container, values, given=registration.given),
        subscription=_renewed(known.subscription, registration, container),
        last_seen_ms=max(known.last_seen_ms, _last_seen(registration, now_ms)),
    )


def _attributes(
    container: Container, values: dict[str, Any], *, given: Mapping[str, Any]
) -> Attributes:
    """Return *values*, which are the callee's to complete, as attributes.

    A country nobody named is that of the time zone; an unknown host is the container's first
    (contract.md section 2.5, Delivery).
    """
    values["account_id"], values["container_id"] = container.account_id, container.id
    values["host"] = values["host"] or next(iter(container.hosts), None)
    if values["country"] is None and "country" not in given and values["time_zone"]:
        values["country"] = country_of_time_zone(values["time_zone"])
    values["user_data"] = values["user_data"] or {}
    return Attributes(**values)


def _page(registration: Registration) -> dict[str, str]:
    """Return the host of the page. Anybody may claim one; the Origin, where known, outdoes it."""
    return {"host": registration.page_host} if registration.page_host else {}


def _renewed(old: Subscription, registration: Registration, container: Container) -> Subscription:
    """Return the subscription as registered; the same endpoint keeps the key it was made with."""
    moved = old.endpoint != registration.endpoint
    if not moved and (old.p256dh, old.auth) == (registration.p256dh, registration.auth):
        return old
    return Subscription(
        endpoint=registration.endpoint,
        p256dh=registration.p256dh,
        auth=registration.auth,
        vapid_key_id=container.vapid_key_id if moved else old.vapid_key_id,
        generation=old.generation + 1,
    )


def _last_seen(registration: Registration, now_ms: int) -> int:
    return now_ms if registration.last_seen_ms is None else registration.last_seen_ms
