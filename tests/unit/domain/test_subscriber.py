"""The facts of a subscriber: every item of a targeting is one exact look-up among them."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.domain.instants import parse_instant
from tocsin.domain.subscriber import (
    EVERYONE,
    MOMENT_BITS,
    Attributes,
    differing_facts,
    facts,
    is_indexed,
    same,
    standing,
    texts_of,
    user_data_key,
)
from tocsin.domain.subscription import Subscription, endpoint_hash

ALICE = Attributes(
    account_id=2,
    container_id=3,
    host="Shop.Example.com",
    country="RS",
    region="792680",
    city="1",
    language="sr-Latn-RS",
    time_zone="Europe/Belgrade",
    browser=12,
    os=4,
    remote_user_id="r",
    user_data={"plan": "gold", "tags": ["a", 1, None, True], "none": None, "few": []},
    subscribed_ms=5,
)
BOB = Attributes(2, 3, None, None, None, None, None, None, None, None, None, {}, 0)


def test_the_facts_of_somebody_known() -> None:
    assert facts(ALICE) == {
        EVERYONE,
        ("accounts", "2"),
        ("apps", "3"),
        ("applications", "shop.example.com"),
        ("applications", "*.example.com"),
        ("applications", "*.com"),
        ("countries", "RS"),
        ("regions", "792680"),
        ("languages", "sr-latn-rs"),
        ("languages", "sr"),
        ("time_zone", "Europe/Belgrade"),
        ("browsers", "12"),
        ("os", "4"),
        ("user_data.plan", "gold"),
        ("user_data.tags", "a"),
        ("user_data.tags", "1"),
        ("user_data.tags", "true"),
        *since(5),
    }


def since(at_ms: int) -> set[tuple[str, str]]:
    """Return the facts of an instant: its bits."""
    return {("subscribed", str(bit)) for bit in range(64) if at_ms >> bit & 1}


def test_the_facts_of_somebody_unknown() -> None:
    assert facts(BOB) == {EVERYONE, ("accounts", "2"), ("apps", "3"), *since(0)}


def test_the_last_instant_that_can_be_written_has_its_bits() -> None:
    assert parse_instant("9999-12-31 23:59:59") < 1 << MOMENT_BITS


def test_before_a_targeting_stands_more_than_the_index_holds() -> None:
    stands = standing(ALICE, 2**63)

    assert stands.subscribed_ms == 5
    assert stands.facts - facts(ALICE) == {
        ("users", "9223372036854775808"),
        ("remote_users", "r"),
    }
    assert {attribute for attribute, _ in stands.facts if not is_indexed(attribute)} == {
        "users",
        "remote_users",
        "user_data.plan",
        "user_data.tags",
    }
    assert standing(BOB, 7).facts == {*facts(BOB), ("users", "7")}


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, set()),
        ([], set()),
        ([None], set()),
        ("gold", {"gold"}),
        ("", {""}),
        (1, {"1"}),
        (1.0, {"1.0"}),
        (1e22, {"1e+22"}),
        (True, {"true"}),
        (False, {"false"}),
        (["a", "a", 1, "1"], {"a", "1"}),
    ],
)
def test_custom_data_is_compared_as_text(value: Any, texts: set[str]) -> None:
    assert texts_of(value) == texts


@pytest.mark.parametrize(
    ("attribute", "key"),
    [("user_data.a.b", "a.b"), ("user_data.", ""), ("user_data", None), ("users", None)],
)
def test_the_key_that_an_attribute_is_about(attribute: str, key: str | None) -> None:
    assert user_data_key(attribute) == key


def test_an_endpoint_is_looked_up_by_its_hash() -> None:
    one = Subscription("https://push.example/a", b"p", b"a", vapid_key_id=1)

    assert one.endpoint_hash == endpoint_hash("https://push.example/a")
    assert len(one.endpoint_hash) == 32
    assert one.endpoint_hash != endpoint_hash("https://push.example/A")


# Values of which some are equal to Python alone, or alike in what comes of them.
CHANGES: Final = st.fixed_dictionaries(
    {},
    optional={
        "container_id": st.sampled_from([3, 4]),
        "host": st.sampled_from([None, "shop.example.com", "news.example.com", "example.com"]),
        "country": st.sampled_from([None, "RS", "CA"]),
        "language": st.sampled_from([None, "sr", "sr-RS", "SR-rs"]),
        "browser": st.sampled_from([None, 12, 1]),
        "remote_user_id": st.sampled_from([None, "r"]),
        "user_data": st.dictionaries(
            st.sampled_from(["plan", "tags"]),
            st.sampled_from([1, True, 1.0, "1", "true", None, [], [1, "1"], [True, 2]]),
        ),
        "subscribed_ms": st.sampled_from([5, 6, 1 << 40]),
    },
)


@given(first=CHANGES, then=CHANGES)
@example(first={"user_data": {"plan": 1}}, then={"user_data": {"plan": True}})
def test_the_facts_that_differ_are_those_of_one_alone(
    first: dict[str, Any], then: dict[str, Any]
) -> None:
    one = replace(ALICE, **first)
    other = replace(one, **then)

    assert differing_facts(one, other) == facts(one) ^ facts(other)


def test_what_is_equal_to_python_alone_differs() -> None:
    def with_data(**data: Any) -> Attributes:
        return replace(ALICE, user_data=data)

    assert same(with_data(a=1, b=["x"]), with_data(a=1, b=["x"]))
    assert not same(with_data(a=1), with_data(a=True))
    assert not same(with_data(a=[1, 2]), with_data(a=[1.0, 2]))
    assert not same(ALICE, replace(ALICE, host=None))
