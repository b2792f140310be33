"""A person's own clicks and closes: trusted events, which may open windows."""

from typing import Any

import pytest

from .chromium import Visitor
from .desktop import Desktop
from .servers import Edge


@pytest.fixture
def receiver(desktop: Desktop, subscriber: Visitor) -> Visitor:
    """A subscriber who sees one message with two buttons on a real desktop."""
    title = subscriber.origin  # unlike any other test's
    subscriber.deliver_push(
        {
            "token": "t0ken",
            "title": title,
            "options": {"actions": [{"title": "Look"}, {"title": "Later"}]},
            "url": f"{subscriber.origin}/sale",
            "action_urls": [f"{subscriber.origin}/look", f"{subscriber.origin}/later"],
        }
    )
    subscriber.until(lambda: desktop.find(title), what="the notification on the desktop")
    return subscriber


def wait_for_event(guest: Visitor, edge: Edge, **expected: Any) -> None:
    event = {"token": "t0ken", **expected}
    guest.until(lambda: event in edge.events(), what=str(event))


@pytest.mark.parametrize(
    ("key", "path", "event"),
    [
        pytest.param("default", "/sale", {"event": "click"}, id="body"),
        pytest.param("0", "/look", {"event": "action", "action": 0}, id="first button"),
        pytest.param("1", "/later", {"event": "action", "action": 1}, id="second button"),
    ],
)
def test_a_click_opens_its_address_in_a_window_and_is_reported(
    receiver: Visitor, edge: Edge, desktop: Desktop, *, key: str, path: str, event: dict[str, Any]
) -> None:
    with receiver.page.context.expect_page() as opening:
        desktop.click(receiver.origin, key)

    opening.value.wait_for_url(receiver.origin + path)
    opening.value.close()
    wait_for_event(receiver, edge, **event)
    assert "close" not in {each["event"] for each in edge.events()}


def test_a_click_goes_to_the_window_that_is_open_already(
    receiver: Visitor, edge: Edge, desktop: Desktop
) -> None:
    receiver.visit("/sale")
    before = len(receiver.page.context.pages)

    desktop.click(receiver.origin)
    wait_for_event(receiver, edge, event="click")

    # A second click, which must open a window: one of the first would have come before it.
    last = f"{receiver.origin}/last"
    receiver.deliver_push({"token": "last", "title": last, "url": last})
    receiver.until(lambda: desktop.find(last), what="the second notification")
    with receiver.page.context.expect_page(lambda page: page.url == last) as opening:
        desktop.click(last)
    assert len(receiver.page.context.pages) == before + 1
    opening.value.close()


def test_a_dismissal_is_reported_once(receiver: Visitor, edge: Edge, desktop: Desktop) -> None:
    desktop.dismiss(receiver.origin)

    wait_for_event(receiver, edge, event="close")
    assert sorted(each["event"] for each in edge.events()) == ["close", "received", "shown"]
