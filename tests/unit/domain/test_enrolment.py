"""How a registration becomes a subscriber."""

from dataclasses import replace
from typing import Any

import pytest

from tocsin.domain.container import Container
from tocsin.domain.enrolment import Enrolment, fresh_ids, newcomer, returning
from tocsin.domain.registration import Registration
from tocsin.domain.subscription import Subscriber

SHOP = Container(
    id=3,
    root_id=1,
    account_id=2,
    name="Shop",
    type="web",
    key="k",
    origins=("https://www.example.com", "https://news.example.com:8443"),
    vapid_key_id=30,
    vapid_public_key="P",
)
REGISTRATION = Registration("https://push.example/a", b"p", b"a", {})


def enrolment(
    given: dict[str, Any] | None = None,
    *,
    derived: dict[str, Any] | None = None,
    container: Container = SHOP,
    **more: Any,
) -> Enrolment:
    return Enrolment(
        container, replace(REGISTRATION, given=given or {}, **more), derived=derived or {}
    )


def first(one: Enrolment, now_ms: int = 1000) -> Subscriber:
    return newcomer(one, ordinal=5, subscriber_id=99, now_ms=now_ms)


def test_a_newcomer_of_whom_nothing_is_known() -> None:
    alice = first(enrolment())

    assert (alice.root_id, alice.ordinal, alice.id, alice.active) == (1, 5, 99, True)
    assert (alice.attributes.account_id, alice.attributes.container_id) == (2, 3)
    assert (alice.attributes.subscribed_ms, alice.last_seen_ms) == (1000, 1000)
    assert alice.attributes.user_data == {}
    assert alice.attributes.country is None
    assert (alice.subscription.vapid_key_id, alice.subscription.generation) == (30, 0)


@pytest.mark.parametrize(
    ("given", "derived", "page", "host"),
    [
        pytest.param({}, {}, None, "www.example.com", id="nothing: the container's first"),
        pytest.param({}, {"host": None}, None, "www.example.com", id="derived as unknown"),
        pytest.param({"host": None}, {}, None, "www.example.com", id="given as unknown"),
        pytest.param({}, {}, "page.example", "page.example", id="the page, in an import"),
        pytest.param({}, {"host": "o.example"}, None, "o.example", id="the Origin"),
        pytest.param({}, {"host": "o.example"}, "page.example", "o.example", id="Origin over page"),
        pytest.param({"host": "g.example"}, {}, "page.example", "g.example", id="given over page"),
    ],
)
def test_the_host(given: Any, derived: Any, page: str | None, host: str) -> None:
    one = enrolment(given, derived=derived, page_host=page)

    assert first(one).attributes.host == host


@pytest.mark.parametrize(
    ("given", "derived", "country"),
    [
        pytest.param({"time_zone": "Europe/Belgrade"}, {}, "RS", id="of the time zone"),
        pytest.param({"time_zone": "UTC"}, {}, None, id="UTC has none"),
        pytest.param({"time_zone": "Europe/Belgrade", "country": "DE"}, {}, "DE", id="given"),
        pytest.param({"time_zone": "Europe/Belgrade", "country": None}, {}, None, id="unknown"),
        pytest.param({"time_zone": "Europe/Belgrade"}, {"country": "AT"}, "AT", id="derived"),
    ],
)
def test_the_country(given: Any, derived: Any, country: str | None) -> None:
    assert first(enrolment(given, derived=derived)).attributes.country == country


def test_what_is_given_outdoes_what_is_derived() -> None:
    one = enrolment({"language": "sr"}, derived={"language": "en", "browser": 12, "os": None})

    attributes = first(one).attributes

    assert (attributes.language, attributes.browser, attributes.os) == ("sr", 12, None)


def test_who_comes_back_keeps_what_is_not_given() -> None:
    known = first(enrolment({"language": "sr", "country": "RS", "user_data": {"plan": "gold"}}))

    again = returning(
        known,
        enrolment({"language": "de", "country": None}, derived={"browser": 1, "language": "en"}),
        now_ms=9000,
    )

    assert again.attributes == replace(
        known.attributes, language="de", country=None, browser=1, container_id=3
    )
    assert (again.id, again.ordinal, again.last_seen_ms) == (known.id, known.ordinal, 9000)
    assert again.subscription == known.subscription


@pytest.mark.parametrize(
    ("known", "region", "city"),
    [
        pytest.param({}, "1", "2", id="nothing"),
        pytest.param({"time_zone": "Europe/London"}, "1", "2", id="the country of the time zone"),
        pytest.param({"country": "GB", "region": "9"}, "9", None, id="another region"),
        pytest.param({"country": "RS"}, None, None, id="another country"),
        pytest.param({"time_zone": "Europe/Belgrade"}, None, None, id="another by time zone"),
        pytest.param({"country": "RS", "region": "8", "city": "7"}, "8", "7", id="all of it"),
    ],
)
def test_who_comes_back_is_never_in_two_places(
    known: dict[str, Any], region: str | None, city: str | None
) -> None:
    before = first(enrolment(known))
    derived = {"country": "GB", "region": "1", "city": "2"}

    after = returning(before, enrolment(derived=derived), now_ms=2).attributes

    assert after.country == (before.attributes.country or "GB")
    assert (after.region, after.city) == (region, city)


def test_what_is_derived_fills_only_gaps() -> None:
    known = first(enrolment({"browser": 12, "host": "www.example.com"}))

    again = returning(
        known, enrolment(derived={"browser": 1, "os": 4, "host": "news.example.com"}), now_ms=2
    )

    assert (again.attributes.browser, again.attributes.os) == (12, 4)
    assert again.attributes.host == "www.example.com"


@pytest.mark.parametrize(
    ("derived", "host"),
    [
        pytest.param({}, "page.example", id="in an import the page is given"),
        pytest.param({"host": "o.example"}, "www.example.com", id="at the edge it is a claim"),
    ],
)
def test_the_page_of_who_comes_back(derived: Any, host: str) -> None:
    known = first(enrolment())

    again = returning(known, enrolment(derived=derived, page_host="page.example"), now_ms=2)

    assert again.attributes.host == host


def test_who_left_is_back_and_an_import_may_say_that_they_left() -> None:
    gone = replace(first(enrolment()), active=False)

    assert returning(gone, enrolment(), now_ms=2).active
    assert not returning(gone, enrolment(active=False), now_ms=2).active


def test_an_old_sighting_does_not_turn_back_the_clock() -> None:
    known = first(enrolment(), now_ms=5000)

    assert returning(known, enrolment(last_seen_ms=10), now_ms=9000).last_seen_ms == 5000
    assert first(enrolment(last_seen_ms=10)).last_seen_ms == 10


@pytest.mark.parametrize(
    ("endpoint", "p256dh", "generation", "vapid_key_id"),
    [
        pytest.param("https://push.example/a", b"p", 0, 30, id="the same"),
        pytest.param("https://push.example/a", b"q", 1, 30, id="other keys: the old VAPID pair"),
        pytest.param("https://push.example/b", b"p", 1, 77, id="elsewhere: the pair of now"),
    ],
)
def test_the_generation_rises_with_every_change_of_address_or_keys(
    endpoint: str, p256dh: bytes, generation: int, vapid_key_id: int
) -> None:
    known = first(enrolment())
    rotated = replace(SHOP, vapid_key_id=77)

    again = returning(
        known, enrolment(endpoint=endpoint, p256dh=p256dh, container=rotated), now_ms=2
    )

    assert again.subscription.generation == generation
    assert again.subscription.vapid_key_id == vapid_key_id
    assert (again.subscription.endpoint, again.subscription.p256dh) == (endpoint, p256dh)


@pytest.mark.parametrize(
    ("now_ms", "drawn", "ids"),
    [
        pytest.param(0, b"\0\0\0", [0, 1, 2], id="the first instant"),
        pytest.param(1, b"\0\0\x07", [(1 << 22) + n for n in (1, 2, 3)], id="22 bits of 24"),
        pytest.param(
            0, b"\xff\xff\xff", [(1 << 22) - 1, 1 << 22, (1 << 22) + 1], id="carried over"
        ),
        pytest.param((1 << 42) - 1, b"\xff\xff\xff", [(1 << 64) - 1, 0, 1], id="round the end"),
        pytest.param(1 << 42, b"\0\0\0", [0, 1, 2], id="beyond the end"),
    ],
)
def test_ids_for_newcomers(now_ms: int, drawn: bytes, ids: list[int]) -> None:
    assert fresh_ids(now_ms, drawn, 3) == ids
