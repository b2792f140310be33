"""A registration is read field by field, or refused with every fault."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.errors import Invalid
from tocsin.domain.registration import (
    Registration,
    Source,
    host_of,
    read_changes,
    read_registration,
)

SUBSCRIPTION = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/abc",
    "expirationTime": None,
    "keys": {"p256dh": "BAEC", "auth": "AwQ="},
}
EDGE = ("language", "timezone", "remote_user_id", "user_data", "page", "previous_endpoint")
IMPORT = (
    *("container", "application", "country", "region", "city", "browser", "os"),
    *("subscribed_at", "last_seen", "status", "id"),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
LIKELY = st.sampled_from(
    [
        *("en", "und", "Europe/Kiev", "Etc/Unknown", "https://[", "https://a.example/", "ß", "RS"),
        *("Chrome", "2026-01-01 00:00:00", "2026-13-01 00:00:00", "active", "7", "12", ""),
        *(-1, 0, {}, []),
    ]
)
SUBSCRIPTIONS = st.just(SUBSCRIPTION) | st.fixed_dictionaries(
    {},
    optional={
        "endpoint": JSON,
        "keys": JSON | st.fixed_dictionaries({}, optional={"p256dh": JSON, "auth": JSON | LIKELY}),
    },
)
BODIES = st.fixed_dictionaries(
    {},
    optional={"subscription": SUBSCRIPTIONS | JSON}
    | dict.fromkeys((*EDGE, *IMPORT), LIKELY | JSON),
)


@given(BODIES | st.dictionaries(st.text(), JSON), st.sampled_from(["edge", "import"]))
def test_whatever_object_comes_is_a_registration_or_invalid(
    body: Mapping[str, Any], source: Source
) -> None:
    try:
        found = read_registration(body, source=source)
    except Invalid:
        return
    assert isinstance(found, Registration)
    assert found.endpoint


@given(BODIES | st.dictionaries(st.text(), JSON))
def test_whatever_object_comes_is_a_change_or_invalid(body: Mapping[str, Any]) -> None:
    try:
        found = read_changes(body)
    except Invalid:
        return
    assert found.keys() <= {"language", "time_zone", "remote_user_id", "user_data"}


def edge(**more: Any) -> Registration:
    return read_registration({"subscription": SUBSCRIPTION, **more}, source="edge")


def imported(**more: Any) -> Registration:
    return read_registration({"subscription": SUBSCRIPTION, **more}, source="import")


def faults_of(body: Mapping[str, Any], *, source: Source = "import") -> list[str]:
    with pytest.raises(Invalid) as raised:
        read_registration(body, source=source)
    return [fault.field for fault in raised.value.faults]


def test_the_least_that_is_needed() -> None:
    assert edge() == Registration(
        endpoint="https://fcm.googleapis.com/fcm/send/abc",
        p256dh=b"\x04\x01\x02",
        auth=b"\x03\x04",
        given={},
    )


def test_what_is_absent_says_nothing_and_null_says_unknown() -> None:
    assert edge().given == {}
    assert edge(language=None, timezone=None, remote_user_id=None, user_data=None).given == {
        "language": None,
        "time_zone": None,
        "remote_user_id": None,
        "user_data": None,
    }
    assert imported(application=None, country=None, browser=None, subscribed_at=None).given == {
        "host": None,
        "country": None,
        "browser": None,
    }


@pytest.mark.parametrize(
    ("field", "value", "attribute", "read"),
    [
        ("language", "pt-BR", "language", "pt-BR"),
        pytest.param("language", "fil-PH", "language", "tl-PH", id="a code of three letters"),
        pytest.param("language", "und", "language", None, id="language: undetermined"),
        ("timezone", "Asia/Calcutta", "time_zone", "Asia/Calcutta"),
        ("timezone", "UTC", "time_zone", "UTC"),
        pytest.param("timezone", "Etc/Unknown", "time_zone", None, id="ICU's unknown zone"),
        pytest.param("remote_user_id", "é" * 127, "remote_user_id", "é" * 127, id="254 bytes"),
        pytest.param(
            "user_data",
            {"plan": "gold", "n": 1, "f": 0.5, "b": True, "z": None, "l": ["a", 2, None], "e": []},
            "user_data",
            {"plan": "gold", "n": 1, "f": 0.5, "b": True, "z": None, "l": ["a", 2, None], "e": []},
            id="user_data of every kind",
        ),
        ("application", "WWW.Example.com", "host", "www.example.com"),
        ("application", "com.example.app", "host", "com.example.app"),
        ("country", "rs", "country", "RS"),
        ("region", "792680", "region", "792680"),
        ("region", 792680, "region", "792680"),
        ("city", "1", "city", "1"),
        ("browser", "Chrome", "browser", 12),
        ("browser", "12", "browser", 12),
        ("browser", 12, "browser", 12),
        ("os", "macos", "os", 4),
        ("subscribed_at", "1970-01-01 00:00:01", "subscribed_ms", 1000),
        ("subscribed_at", "1970-01-01T00:00:01Z", "subscribed_ms", 1000),
    ],
)
def test_a_field_becomes_an_attribute(field: str, value: Any, attribute: str, read: Any) -> None:
    assert imported(**{field: value}).given == {attribute: read}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "english"),
        ("language", ""),
        ("language", 1),
        ("timezone", "Belgrade"),
        ("timezone", 0),
        ("remote_user_id", ""),
        ("remote_user_id", 42),
        pytest.param("remote_user_id", "é" * 128, id="remote_user_id of 256 bytes"),
        ("user_data", []),
        ("user_data", {"": 1}),
        ("user_data", {"k" * 65: 1}),
        pytest.param("user_data", {"k": "é" * 128}, id="a value of 256 bytes"),
        ("user_data", {"k": {"deep": 1}}),
        ("user_data", {"k": [["deep"]]}),
        pytest.param("user_data", {"k": list(range(101))}, id="101 values"),
        pytest.param("user_data", {f"k{n}": n for n in range(65)}, id="65 keys"),
        ("page", "www.example.com"),
        ("page", "https://"),
        ("page", "https://[::1"),
        ("page", 1),
        pytest.param("page", "https://a.example/" + "é" * 1020, id="a page of 2058 bytes"),
        ("previous_endpoint", ""),
        pytest.param("previous_endpoint", "x" * 2049, id="previous_endpoint of 2049 bytes"),
        ("application", "*.example.com"),
        ("application", "https://www.example.com"),
        ("application", "a..example"),
        pytest.param("application", "a." * 126 + "bc", id="application of 254 characters"),
        ("country", "SRB"),
        ("country", "XX"),
        pytest.param("country", "ß", id="country: a sharp s is not South Sudan"),
        ("region", "0"),
        ("region", -1),
        ("region", True),
        ("region", "12345678901"),
        ("city", "Belgrade"),
        ("browser", "Netscape"),
        ("browser", 99),
        ("browser", True),
        ("os", 1.0),
        ("subscribed_at", 0),
        ("subscribed_at", "yesterday"),
        ("subscribed_at", "2026-01-01T00:00:00"),
        ("last_seen", "2026-02-30 00:00:00"),
        ("status", "gone"),
        ("status", 1),
        ("id", 7),
        ("id", "-1"),
        pytest.param("id", str(1 << 64), id="an id of 65 bits"),
        ("container", ""),
        pytest.param("container", "k" * 65, id="container of 65 characters"),
    ],
)
def test_a_value_outside_its_bounds_is_refused_by_name(field: str, value: Any) -> None:
    assert faults_of({"subscription": SUBSCRIPTION, field: value}) == [field]


def test_what_the_tag_adds_and_nobody_can_use_is_unknown() -> None:
    for page in (
        "https://a.example/?ad=" + "x" * 2048,
        "https://www.example.com./",
        "http://[::1]:8000",
        "https://[",
        "null",
        "",
    ):
        assert edge(page=page).page_host is None
        assert faults_of({"subscription": SUBSCRIPTION, "page": page}) == ["page"]
    for zone in ("America/Coyhaique2", "Mars", "+05:30", "Etc/Unknown", "Europe/Belgrad"):
        assert edge(timezone=zone).given == read_changes({"timezone": zone}) == {"time_zone": None}
    assert edge(timezone="Asia/Calcutta").given == {"time_zone": "Asia/Calcutta"}
    assert edge(page="https://Shop.example.com").page_host == "shop.example.com"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "english"),
        ("timezone", 0),
        ("timezone", ""),
        ("timezone", "Central European Time"),
        pytest.param("timezone", "A" * 65, id="a time zone of 65 characters"),
        ("page", 1),
        ("remote_user_id", ""),
        ("user_data", {"": 1}),
    ],
)
def test_what_no_browser_reports_is_refused_at_the_edge_too(field: str, value: Any) -> None:
    assert faults_of({"subscription": SUBSCRIPTION, field: value}, source="edge") == [field]


@pytest.mark.parametrize(
    ("subscription", "fields"),
    [
        (None, ["subscription"]),
        ("text", ["subscription"]),
        ({}, ["endpoint", "keys.p256dh", "keys.auth"]),
        ({"endpoint": "e", "keys": None}, ["keys.p256dh", "keys.auth"]),
        ({"endpoint": "", "keys": {"p256dh": "AA", "auth": "AA"}}, ["endpoint"]),
        ({"endpoint": "x" * 2049, "keys": {"p256dh": "AA", "auth": "AA"}}, ["endpoint"]),
        ({"endpoint": "e", "keys": {"p256dh": "A+A", "auth": "AA"}}, ["keys.p256dh"]),
        ({"endpoint": "e", "keys": {"p256dh": "AAAAA", "auth": "AA"}}, ["keys.p256dh"]),
        ({"endpoint": "e", "keys": {"p256dh": "A" * 513, "auth": "AA"}}, ["keys.p256dh"]),
        ({"endpoint": "e", "keys": {"p256dh": "AA", "auth": "A=A"}}, ["keys.auth"]),
        ({"endpoint": "e", "keys": {"p256dh": "AA", "auth": 1}}, ["keys.auth"]),
    ],
)
def test_a_subscription_that_is_none(subscription: Any, fields: list[str]) -> None:
    expected = [f if f == "subscription" else f"subscription.{f}" for f in fields]

    assert faults_of({"subscription": subscription}, source="edge") == expected


@given(st.binary(max_size=384))
def test_keys_come_back_as_they_were_with_padding_or_without(raw: bytes) -> None:
    padded = urlsafe_b64encode(raw).decode()
    for text in (padded, padded.rstrip("=")):
        keys = {"p256dh": text, "auth": "AA"}
        found = read_registration({"subscription": {"endpoint": "e", "keys": keys}}, source="edge")
        assert found.p256dh == raw


@pytest.mark.parametrize("field", IMPORT)
def test_a_browser_cannot_say_what_only_an_import_may(field: str) -> None:
    assert faults_of({"subscription": SUBSCRIPTION, field: None}, source="edge") == [field]


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    with pytest.raises(Invalid, match=r"time_zone: is not known here; did you mean timezone\?"):
        edge(time_zone="UTC")


def test_every_fault_is_named_at_once() -> None:
    assert faults_of({"languge": "en", "timezone": "Mars", "country": "XX"}) == [
        *("languge", "subscription", "timezone", "country"),
    ]


def test_a_body_of_strange_keys_costs_little() -> None:
    started = time.process_time()

    with pytest.raises(Invalid):
        read_changes({f"language{n}": 1 for n in range(20_000)})

    assert time.process_time() - started < 0.5


def test_what_an_import_says_beside_the_attributes() -> None:
    found = imported(
        container=7,
        status="unsubscribed",
        last_seen="1970-01-01 00:00:01",
        id="18446744073709551615",
        page="https://Shop.example.com/a?b#c",
        previous_endpoint="https://updates.push.services.mozilla.com/old",
    )

    assert (found.container, found.active, found.last_seen_ms) == ("7", False, 1000)
    assert found.page_host == "shop.example.com"
    assert found.previous_endpoint == "https://updates.push.services.mozilla.com/old"
    assert found.given == {}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://WWW.example.com:8443/x", "www.example.com"),
        ("https://user@www.example.com/", "www.example.com"),
        ("http://[::1]:80/", "::1"),
        ("https://[", None),
        ("null", None),
        ("", None),
    ],
)
def test_the_host_of_a_url(url: str, host: str | None) -> None:
    assert host_of(url) == host
