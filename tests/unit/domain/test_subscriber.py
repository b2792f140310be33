"""The facts of a subscriber: every item of a targeting is one exact look-up among them."""

from typing import Any

import pytest

from tocsin.domain.subscriber import (
    EVERYONE,
    Attributes,
    facts,
    is_indexed,
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
    }


def test_the_facts_of_somebody_unknown() -> None:
    assert facts(BOB) == {EVERYONE, ("accounts", "2"), ("apps", "3")}


def test_before_a_targeting_stands_more_than_the_index_holds() -> None:
    stands = standing(ALICE, 2**63)

    assert stands.subscribed_ms == 5
    assert stands.facts - facts(ALICE) == {
        ("users", "9223372036854775808"),
        ("remote_users", "r"),
        ("user_data.plan", "gold"),
        ("user_data.tags", "a"),
        ("user_data.tags", "1"),
        ("user_data.tags", "true"),
    }
    assert all(is_indexed(attribute) for attribute, _ in facts(ALICE))
    assert not any(is_indexed(attribute) for attribute, _ in stands.facts - facts(ALICE))
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
