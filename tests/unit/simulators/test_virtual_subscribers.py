"""Virtual subscribers and their import file."""

import io
import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.simulators.virtual_subscribers import (
    VirtualSubscribers,
    Weighted,
    fingerprint,
    write_import_file,
)
from tocsin.webpush import base64url
from tocsin.webpush.encryption import check_subscription_keys
from tocsin.webpush.endpoint import PushHosts, parse

BASE = "http://localhost:8090"


def import_lines(**how: Any) -> list[Any]:
    stream = io.StringIO()
    write_import_file(
        stream, **{"count": 300, "container": "C", "base_url": BASE, "seed": "s", **how}
    )
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_is_a_subscription_that_can_be_pushed_to() -> None:
    subscribers = VirtualSubscribers("s")
    for n, line in enumerate(import_lines()):
        endpoint = parse(line["subscription"]["endpoint"], PushHosts(["localhost:8090"]))
        keys = line["subscription"]["keys"]
        check_subscription_keys(base64url.decode(keys["p256dh"]), base64url.decode(keys["auth"]))
        assert subscribers.at(urlsplit(endpoint.url).path) == (subscribers.get(n), None)
        assert line["container"] == "C"
        assert line["remote_user_id"] == f"virtual-{n}"
        assert ZoneInfo(line["timezone"])
        assert {*line} == {
            "subscription", "container", "remote_user_id", "language", "timezone",
            "country", "browser", "os", "application",
        }  # fmt: skip


def test_the_file_is_the_same_every_time_and_continues_where_it_is_told() -> None:
    assert import_lines() == import_lines()
    assert import_lines(first=100, count=50) == import_lines()[100:150]
    assert import_lines(seed="t")[0] != import_lines()[0]


def test_attributes_vary_with_a_skew() -> None:
    for name in ("country", "language", "browser", "os", "application"):
        counts = Counter(line[name] for line in import_lines(count=1000)).most_common()
        assert len(counts) >= 3
        assert counts[0][1] > 2 * counts[-1][1]


def test_languages_and_applications_can_be_told() -> None:
    lines = import_lines(languages={"en": 1, "sr": 3, "xx": 0}, applications={"a.example": 1})

    counts = Counter(line["language"] for line in lines)
    assert {*counts} == {"en", "sr"}
    assert counts["sr"] > counts["en"]
    assert {line["application"] for line in lines} == {"a.example"}


def test_endpoints_can_be_bound_to_a_key() -> None:
    [line] = import_lines(count=1, vapid_public_key="BKEY")

    found = VirtualSubscribers("s").at(urlsplit(line["subscription"]["endpoint"]).path)

    assert found is not None
    assert found[1] == fingerprint("BKEY")


@given(n=st.integers(0, 10**18 - 1))
def test_a_path_leads_back_to_its_subscriber(n: int) -> None:
    subscribers = VirtualSubscribers("s")

    found = subscribers.at(subscribers.get(n).path())

    assert found is not None
    assert found[0].n == n


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 2, "b": -1}])
def test_what_are_no_weights(weights: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Weighted(weights)


def test_weights_are_kept_exactly() -> None:
    weighted = Weighted({"a": 1, "b": 0, "c": 2})

    assert [weighted.pick(number) for number in range(6)] == ["a", "c", "c"] * 2
