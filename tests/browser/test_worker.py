"""The service worker in a real Chromium. Of the edge these tests know only the Protocol `Edge`."""

from typing import Any

import pytest

from .chromium import Visitor
from .servers import Edge

MESSAGE: dict[str, Any] = {
    "v": 1,
    "token": "t0ken",
    "title": "Winter sale",
    "options": {
        "body": "Everything must go",
        "icon": "https://site.example/icon.png",
        "image": "https://site.example/image.png",
        "badge": "https://site.example/badge.png",
        "tag": "sale",
        "requireInteraction": True,
        "renotify": True,
        "silent": False,
        "vibrate": [200],
        "actions": [{"title": "Look"}, {"title": "Later"}],
    },
    "url": "https://site.example/sale",
    "action_urls": ["https://site.example/look", "https://site.example/later"],
    "custom": {"order": 42},
}


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"token": "t0ken", "event": kind, **more}


def answers(edge: Edge) -> list[dict[str, Any]]:
    """What the visitor did with the message; its receipt and display may be reported meanwhile."""
    of_message = [each for each in edge.events() if each["token"] == "t0ken"]
    return [each for each in of_message if each["event"] not in {"received", "shown"}]


def wait_for_events(guest: Visitor, edge: Edge, *kinds: str) -> None:
    try:
        guest.until(lambda: set(kinds) <= {each["event"] for each in edge.events()}, what="events")
    except AssertionError as late:
        late.add_note(f"wanted {kinds}, came {edge.events()}; workers: {guest.workers()}")
        raise


@pytest.fixture
def receiver(subscriber: Visitor) -> Visitor:
    """A subscriber who has one message on the screen."""
    subscriber.deliver_push(MESSAGE)
    subscriber.notification("Winter sale")
    return subscriber


def test_a_push_is_shown_as_it_was_ordered(receiver: Visitor) -> None:
    shown = receiver.notification("Winter sale")

    ordered = dict(MESSAGE["options"], title="Winter sale")
    ordered["actions"] = [
        {"action": "0", "title": "Look", "icon": ""},
        {"action": "1", "title": "Later", "icon": ""},
    ]
    assert shown["data"]["custom"] == {"order": 42}
    assert {name: shown[name] for name in ordered} == ordered


def test_a_push_is_reported_received_and_shown_once_each(receiver: Visitor, edge: Edge) -> None:
    wait_for_events(receiver, edge, "received", "shown")

    assert sorted(each["event"] for each in edge.events()) == ["received", "shown"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="empty"),
        pytest.param("not JSON", id="not JSON"),
        pytest.param("null", id="null"),
        pytest.param("7", id="a number"),
    ],
)
def test_an_unreadable_push_is_shown_in_neutral_words(
    subscriber: Visitor, edge: Edge, data: str
) -> None:
    subscriber.deliver_push(data)

    assert subscriber.notification(subscriber.host)["body"] == "There is a new message for you."
    assert edge.events() == []


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param(None, {"tag": "t0ken"}, id="no options: the token is the tag"),
        pytest.param({"renotify": True}, {"renotify": True}, id="renotify without a tag"),
        pytest.param(
            {"silent": True, "vibrate": [100]}, {"silent": True, "vibrate": []}, id="silent vibrate"
        ),
        pytest.param({"vibrate": "buzz"}, {"vibrate": []}, id="vibrate that is no list"),
        pytest.param({"vibrate": ["x", {}]}, {}, id="vibrate with no numbers"),
        pytest.param({"icon": "http://[", "image": 7}, {"icon": ""}, id="addresses that are none"),
        pytest.param(
            {"actions": [None, {"action": None}, {"title": "Go", "icon": 7}]},
            {"actions": [{"action": "2", "title": "Go", "icon": ""}]},
            id="buttons without a title keep their number",
        ),
        pytest.param({"actions": {"title": "Go"}}, {"actions": []}, id="actions that are no list"),
        pytest.param({"body": {}}, {"body": ""}, id="a body that is no text"),
        pytest.param({"tag": "x" * 3_900}, {}, id="a tag as long as a push can be"),
        pytest.param({"dir": "up", "timestamp": "x"}, {}, id="options outside the contract"),
        pytest.param("text", {}, id="options that are no object"),
    ],
)
def test_odd_options_never_prevent_the_display(
    subscriber: Visitor, edge: Edge, options: object, shown: dict[str, Any]
) -> None:
    subscriber.deliver_push({"v": 1, "token": "t0ken", "title": "Odd", "options": options})

    notification = subscriber.notification("Odd")
    assert {name: notification[name] for name in shown} == shown
    wait_for_events(subscriber, edge, "received", "shown")


def test_a_message_that_comes_twice_replaces_its_twin(subscriber: Visitor) -> None:
    message = {"v": 1, "token": "t0ken", "title": "Once", "options": {"body": "first"}}
    subscriber.deliver_push(message)
    subscriber.deliver_push({**message, "options": {"body": "second"}})

    subscriber.until(lambda: subscriber.displayed == ["Once", "Once"], what="the second display")
    assert [each["body"] for each in subscriber.notifications()] == ["second"]


@pytest.mark.parametrize(
    ("action", "reported"),
    [
        pytest.param("", event("click"), id="body"),
        pytest.param("0", event("action", action=0), id="first button"),
        pytest.param("1", event("action", action=1), id="second button"),
    ],
)
def test_a_click_is_reported_and_closes_the_notification(
    receiver: Visitor, edge: Edge, action: str, reported: dict[str, Any]
) -> None:
    receiver.click("Winter sale", action)

    wait_for_events(receiver, edge, reported["event"])
    assert answers(edge) == [reported]
    receiver.until(lambda: receiver.notifications() == [], what="an empty screen")


def test_a_dismissal_is_reported(receiver: Visitor, edge: Edge) -> None:
    receiver.dismiss("Winter sale")

    wait_for_events(receiver, edge, "close")
    assert answers(edge) == [event("close")]


def test_the_close_that_follows_a_click_is_no_dismissal(receiver: Visitor, edge: Edge) -> None:
    """Firefox fires notificationclose after notificationclick."""
    receiver.worker().evaluate("""async () => {
        const [notification] = await registration.getNotifications();
        for (const kind of ['notificationclick', 'notificationclose']) {
            const event = new NotificationEvent(kind, { notification });
            event.waitUntil = () => {};
            dispatchEvent(event);
        }
    }""")
    receiver.deliver_push({**MESSAGE, "token": "last", "title": "Last"})
    receiver.notification("Last")
    receiver.until(
        lambda: {"token": "last", "event": "shown"} in edge.events(), what="the last report"
    )

    assert answers(edge) == [event("click")]


@pytest.mark.parametrize(
    ("url", "action", "opened"),
    [
        pytest.param("https://a.example/x", "", "https://a.example/x", id="the address"),
        pytest.param("https://a.example/x", "0", "https://a.example/look", id="a button's own"),
        pytest.param("https://a.example/x", "1", "https://a.example/x", id="a button without one"),
        pytest.param("javascript:alert(1)", "", "SCOPE", id="a script is not opened"),
        pytest.param(None, "", "SCOPE", id="no address: the start of the site"),
    ],
)
def test_a_click_opens_the_address(
    subscriber: Visitor, url: str | None, action: str, opened: str
) -> None:
    """A synthetic click may open no window, so the test listens at the call."""
    message = {"title": "Go", "url": url, "action_urls": ["https://a.example/look", None]}
    subscriber.deliver_push(message)
    subscriber.notification("Go")
    worker = subscriber.worker()
    worker.evaluate("""() => {
        self.opened = [];
        clients.openWindow = async (url) => { self.opened.push(url); };
    }""")

    subscriber.click("Go", action)

    scope = f"{subscriber.origin}/"
    assert worker.evaluate("self.opened") == [scope if opened == "SCOPE" else opened]


def test_a_window_that_shows_the_address_comes_to_the_front(subscriber: Visitor) -> None:
    subscriber.deliver_push({"title": "Here", "url": f"{subscriber.origin}/"})
    subscriber.notification("Here")
    worker = subscriber.worker()
    worker.evaluate("""() => {
        self.calls = [];
        clients.openWindow = async (url) => { self.calls.push('open'); };
        WindowClient.prototype.focus = async function () { self.calls.push(`focus ${this.url}`); };
    }""")

    subscriber.click("Here")

    assert worker.evaluate("self.calls") == [f"focus {subscriber.origin}/"]


def test_a_notification_of_the_site_itself_is_left_alone(subscriber: Visitor, edge: Edge) -> None:
    subscriber.page.evaluate(
        "navigator.serviceWorker.ready.then((r) => r.showNotification('Own', {data: {a: 1}}))"
    )
    subscriber.click("Own")
    subscriber.dismiss("Own")

    assert [each["title"] for each in subscriber.notifications()] == ["Own"]
    assert edge.events() == []


def test_a_report_is_tried_once_more_and_the_message_is_shown_meanwhile(
    subscriber: Visitor, edge: Edge
) -> None:
    """The first try of each report fails; the display does not wait for either."""
    subscriber.worker().evaluate("""() => {
        const real = self.fetch;
        const tried = new Set();
        self.fetch = (url, options) => {
            if (tried.has(options.body)) return real(url, options);
            tried.add(options.body);
            return Promise.reject(new TypeError('no network'));
        };
    }""")
    subscriber.deliver_push(MESSAGE)
    subscriber.notification("Winter sale")

    assert edge.events() == []
    wait_for_events(subscriber, edge, "received", "shown")


def test_a_server_out_of_reach_prevents_no_display(subscriber: Visitor) -> None:
    subscriber.worker().evaluate("() => { self.fetch = () => new Promise(() => {}); }")
    subscriber.deliver_push(MESSAGE)

    assert subscriber.notification("Winter sale")["body"] == "Everything must go"
