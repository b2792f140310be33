"""The service worker draws: what it shows, calls and reports of ads, and of a fallback."""

import json
from typing import Any, Final

import pytest

from .chromium import Visitor
from .servers import Answer, EdgeDouble

TOKEN: Final = "message"
PATH: Final = f"/v1/edge/adex/{TOKEN}"
FALLBACK: Final = {
    "title": "Update",
    "options": {"body": "Look", "tag": "update"},
    "url": "https://site.example/update",
    "action_urls": [],
}


def push(fallback: dict[str, Any] | None = FALLBACK) -> dict[str, Any]:
    adex = {"url": PATH, "fallback": fallback}
    return {"v": 1, "token": TOKEN, "adex": adex, "custom": {"order": 42}}


def ad(name: str, **more: Any) -> dict[str, Any]:
    return {
        "token": name,
        "title": f"Ad {name}",
        "options": {"body": "Buy", "image": "https://a.example/image.png"},
        "url": f"https://a.example/{name}",
        "action_urls": [],
        "pixels": [],
        "repeat": None,
    } | more


def drawn(*items: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps({"items": items}).encode())


def wait_for(guest: Visitor, edge: EdgeDouble, *events: tuple[str, str]) -> None:
    """Wait until these are the events that came, each a token and what happened."""
    guest.until(
        lambda: sorted((one["token"], one["event"]) for one in edge.events()) == sorted(events),
        what=f"events {events}, not {edge.events()}",
    )


def test_ads_are_shown_side_by_side_and_reported_each_for_itself(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    edge.draws[TOKEN] = drawn(ad("1"), ad("2"))

    subscriber.deliver_push(push())

    first = subscriber.notification("Ad 1")
    assert subscriber.notification("Ad 2")["tag"] == "2"
    assert (first["body"], first["image"], first["tag"]) == (
        "Buy",
        "https://a.example/image.png",
        "1",
    )
    wait_for(subscriber, edge, (TOKEN, "received"), ("1", "shown"), ("2", "shown"))
    assert edge.drawn == [TOKEN]


def test_pixels_are_called_once_and_only_over_http(subscriber: Visitor, edge: EdgeDouble) -> None:
    subscriber.worker().evaluate("""() => {
        const real = self.fetch;
        self.called = [];
        self.fetch = (url, options) => {
            self.called.push(String(url));
            return real(url, options);
        };
    }""")
    refused = ["javascript:self.called.push('script')", "data:,x", "/of-the-site"]
    pixels = [f"{edge.base_url}/pixel", *refused]
    edge.draws[TOKEN] = drawn(ad("1", pixels=pixels))

    subscriber.deliver_push(push())
    wait_for(subscriber, edge, (TOKEN, "received"), ("1", "shown"))

    called = subscriber.worker().evaluate("self.called")
    assert called.count(f"{edge.base_url}/pixel") == 1
    assert not {"script", *refused} & set(called)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(503, b"{}"), id="503"),
        pytest.param(Answer(410, b'{"message": "drawn before"}'), id="410"),
        pytest.param(Answer(200, b"<html>"), id="HTML"),
        pytest.param(Answer(200, b"null"), id="null"),
        pytest.param(Answer(200, b'{"items": 7}'), id="no list"),
        pytest.param(drawn(), id="nothing"),
        pytest.param(Answer(200, b'{"items": [null, 7]}'), id="nothing that is a message"),
    ],
)
def test_without_an_answer_the_push_s_own_fallback_is_shown(
    subscriber: Visitor, edge: EdgeDouble, answer: Answer
) -> None:
    edge.draws[TOKEN] = answer

    subscriber.deliver_push(push())

    shown = subscriber.notification("Update")
    assert (shown["body"], shown["tag"]) == ("Look", "update")
    assert shown["data"]["custom"] == {"order": 42}
    wait_for(subscriber, edge, (TOKEN, "received"), (TOKEN, "fallback"))


def test_a_server_that_cannot_be_reached_shows_the_fallback(subscriber: Visitor) -> None:
    subscriber.worker().evaluate(
        "() => { self.fetch = () => Promise.reject(new TypeError('no network')); }"
    )

    subscriber.deliver_push(push())

    assert subscriber.notification("Update")["body"] == "Look"


def test_a_server_that_is_silent_shows_the_fallback(subscriber: Visitor) -> None:
    """The worker's own limit ends the request; here it is over at once."""
    subscriber.worker().evaluate("""() => {
        AbortSignal.timeout = () => AbortSignal.abort();
    }""")

    subscriber.deliver_push(push())

    assert subscriber.notification("Update")["body"] == "Look"


def test_a_browser_without_time_limits_shows_the_fallback_too(subscriber: Visitor) -> None:
    """AbortSignal.timeout is younger than push; a minute is a second here."""
    subscriber.worker().evaluate("""() => {
        delete AbortSignal.timeout;
        const later = self.setTimeout;
        self.setTimeout = (work, ms) => later(work, ms / 60);
        self.fetch = (url, { signal }) => new Promise((_, fail) => {
            signal?.addEventListener('abort', () => fail(signal.reason));
        });
    }""")

    subscriber.deliver_push(push())

    assert subscriber.notification("Update")["body"] == "Look"


def test_an_odd_item_costs_the_others_nothing(subscriber: Visitor, edge: EdgeDouble) -> None:
    body = json.dumps({"items": [None, ad("1", pixels={"a": 1})]}).encode()
    edge.draws[TOKEN] = Answer(200, body)

    subscriber.deliver_push(push())

    wait_for(subscriber, edge, (TOKEN, "received"), ("1", "shown"))


@pytest.mark.parametrize("adex", [{"url": PATH, "fallback": None}, 7, {}])
def test_with_nothing_to_show_there_are_neutral_words(
    subscriber: Visitor, edge: EdgeDouble, adex: object
) -> None:
    edge.draws[TOKEN] = drawn()

    subscriber.deliver_push({"v": 1, "token": TOKEN, "adex": adex})

    assert subscriber.notification(subscriber.host)["body"] == "There is a new message for you."
    wait_for(subscriber, edge, (TOKEN, "received"), (TOKEN, "fallback"))


def test_a_click_opens_the_ad_and_draws_the_next(subscriber: Visitor, edge: EdgeDouble) -> None:
    edge.draws[TOKEN] = drawn(ad("1", repeat="/v1/edge/adex/1"))
    edge.draws["1"] = drawn(ad("2"))
    subscriber.deliver_push(push())
    subscriber.notification("Ad 1")
    worker = subscriber.worker()
    worker.evaluate("""() => {
        self.opened = [];
        clients.openWindow = async (url) => { self.opened.push(url); };
    }""")

    subscriber.click("Ad 1")

    assert subscriber.notification("Ad 2")["tag"] == "2"
    wait_for(
        subscriber,
        edge,
        (TOKEN, "received"),
        ("1", "shown"),
        ("1", "click"),
        ("2", "shown"),
    )
    assert worker.evaluate("self.opened") == ["https://a.example/1"]
    assert edge.drawn == [TOKEN, "1"]


@pytest.mark.parametrize("repeat", [None, "/v1/edge/adex/1"])
def test_a_click_that_draws_nothing_shows_nothing(
    subscriber: Visitor, edge: EdgeDouble, repeat: str | None
) -> None:
    edge.draws[TOKEN] = drawn(ad("1", repeat=repeat))
    subscriber.deliver_push(push())
    subscriber.notification("Ad 1")

    subscriber.click("Ad 1")

    wait_for(subscriber, edge, (TOKEN, "received"), ("1", "shown"), ("1", "click"))
    assert subscriber.displayed == ["Ad 1"]
    assert edge.drawn == [TOKEN, *(["1"] if repeat else [])]
