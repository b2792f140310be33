"""The facts of a subscriber: every item of a targeting is one exact look-up among them."""

from tocsin.domain.subscriber import EVERYONE, Attributes, facts
from tocsin.domain.subscription import Subscription, endpoint_hash


def test_the_facts_of_somebody_known() -> None:
    alice = Attributes(
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
        user_data={"plan": "gold"},
        subscribed_ms=0,
    )

    assert facts(alice) == {
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
    bob = Attributes(2, 3, None, None, None, None, None, None, None, None, None, {}, 0)

    assert facts(bob) == {EVERYONE, ("accounts", "2"), ("apps", "3")}


def test_an_endpoint_is_looked_up_by_its_hash() -> None:
    one = Subscription("https://push.example/a", b"p", b"a", vapid_key_id=1)

    assert one.endpoint_hash == endpoint_hash("https://push.example/a")
    assert len(one.endpoint_hash) == 32
    assert one.endpoint_hash != endpoint_hash("https://push.example/A")
