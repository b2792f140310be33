"""How a registration becomes a subscriber, new or known: pure, no look-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tocsin.domain.container import Container
from tocsin.domain.dictionaries import country_of_time_zone
from tocsin.domain.registration import Registration
from tocsin.domain.subscriber import Attributes
from tocsin.domain.subscription import Subscriber, Subscription


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A registration for a container. derived: what else is known of the caller, by attribute.

    derived comes from the user agent, the Accept-Language header and the Origin; it stands only
    where nothing was given.
    """

    container: Container
    registration: Registration
    derived: Mapping[str, Any]


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
}


def newcomer(enrolment: Enrolment, *, ordinal: int, subscriber_id: int, now_ms: int) -> Subscriber:
    """Return the subscriber that a first registration makes."""
    registration, container = enrolment.registration, enrolment.container
    derived = {name: value for name, value in enrolment.derived.items() if value is not None}
    values = {
        **_UNKNOWN,
        "user_data": {},
        "subscribed_ms": now_ms,
        **_page(registration),
        **derived,
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

    What was derived fills only gaps. An endpoint or keys that differ make a new generation.
    """
    registration, container = enrolment.registration, enrolment.container
    values = {name: getattr(known.attributes, name) for name in Attributes.__dataclass_fields__}
    gaps = {
        name: value
        for name, value in enrolment.derived.items()
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
    container: Container, values: Mapping[str, Any], *, given: Mapping[str, Any]
) -> Attributes:
    """Return *values* as attributes.

    A country nobody named is that of the time zone; an unknown host is the container's first
    (contract.md section 2.5, Delivery).
    """
    completed = dict(values)
    completed["host"] = completed["host"] or next(iter(container.hosts), None)
    if completed["country"] is None and "country" not in given and completed["time_zone"]:
        completed["country"] = country_of_time_zone(completed["time_zone"])
    completed["user_data"] = completed["user_data"] or {}
    return Attributes(
        **completed | {"account_id": container.account_id, "container_id": container.id}
    )


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
