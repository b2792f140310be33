"""An order rendered: once per language, and for each recipient no more than it must."""

import json
from typing import Any

from tocsin.domain.adex import Adex
from tocsin.domain.adex import to_json as adex_json
from tocsin.domain.execution import Order
from tocsin.domain.message import Message, to_json
from tocsin.domain.subscription import Recipient
from tocsin.workers.rendering import Rendering

NOW_MS = 1_770_289_200_000
URL = "https://www.example.com/"


def message(**title: str) -> Message:
    return Message(title=title, body={}, image={}, landing_url=URL + "${OCMH_CLICK_ID}")


HELLO = to_json(message(en="Hello", sr="Zdravo", **{"pt-BR": "Olá"}))


def order(shown: dict[str, Any], **more: Any) -> Order:
    return Order(
        message=shown, targeting={}, ttl_s=60, urgency="low", custom_data=None, name="Sale", **more
    )


def person(language: str | None = "en", **known: Any) -> Recipient:
    return Recipient(7, language, f"{URL}push", b"p", b"a", 1, 0, known or None)


def rendered(rendering: Rendering, recipient: Recipient) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rendering.render(recipient, "the.token", now_ms=NOW_MS))
    return found


def test_a_language_is_rendered_once_for_all_that_fall_back_to_it() -> None:
    rendering = Rendering(order(HELLO), task_id=9)

    english = rendering.payload("en")

    assert rendering.payload("de") is rendering.payload(None) is english
    assert rendering.payload("sr-Latn") is rendering.payload("sr") is not english
    assert rendering.payload("pt") is english


def test_made_up_languages_cost_a_bounded_amount_of_memory() -> None:
    rendering = Rendering(order(HELLO), task_id=9)

    payloads = {id(rendering.payload(f"en-x{number:04}")) for number in range(5000)}

    assert len(payloads) == 1
    assert len(rendering._by_asked) <= 1000


def test_a_recipient_gets_their_own_values() -> None:
    shown = to_json(
        message(
            en="${user_data.name|friend} in ${OCMH_PROFILE_COUNTRY_CODE}: ${OCMH_CAMPAIGN_NAME}",
            de="${OCMH_CAMPAIGN_ID}",
        )
    )
    rendering = Rendering(order(shown), task_id=9)

    ana = rendered(rendering, person(country="RS", user_data={"name": "Ana"}))
    unknown = rendered(rendering, person(None, country=None, user_data={}))
    german = rendered(rendering, person("de", country="DE", user_data={}))

    assert ana["title"] == "Ana in RS: Sale"
    assert ana["url"] == URL + "the.token"
    assert unknown["title"] == "friend in : Sale"
    assert german["title"] == "9"


def test_a_draw_shows_its_fallback_to_everybody() -> None:
    draw = adex_json(Adex(zone_id="1", fallback=message(en="Fallback")))
    rendering = Rendering(order({}, adex=draw), task_id=9)

    payload = rendered(rendering, person("sr"))

    assert payload.keys() == {"v", "token", "adex"}
    assert payload["adex"]["url"] == "/v1/edge/adex/the.token"
    assert payload["adex"]["fallback"]["title"] == "Fallback"
    assert rendered(rendering, person())["adex"]["fallback"]["options"]["tag"] == "tocsin-9"


def test_a_draw_without_a_fallback_only_says_where() -> None:
    rendering = Rendering(order({}, adex=adex_json(Adex(zone_id="1"))), task_id=9)

    assert rendered(rendering, person())["adex"] == {
        "url": "/v1/edge/adex/the.token",
        "fallback": None,
    }
