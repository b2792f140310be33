"""The whole circle: page, tag, real server, real encryption, service worker, notification, events.

Chromium cannot subscribe without its maker's servers, so the browser's push service is the
simulator: the page subscribes with the keys of a virtual subscriber, and what the simulator
decrypted is what Chromium's own service worker is given.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from programs import Programs
from rig import Rig, until
from tocsin.simulators.virtual_subscribers import VirtualSubscribers

from .chromium import Visitor, a_key, fake_push_script, visitor
from .desktop import Desktop
from .servers import Site


@dataclass
class RealEdge:
    """The real server as the site's pages know it."""

    base_url: str
    container_key: str

    def events(self) -> list[dict[str, Any]]:
        """Return nothing: the real server gives its events to nobody but its counters."""
        return []


@pytest.fixture
def rig(programs: Programs, site: Site, tmp_path: Path) -> Rig:
    """A real Tocsin whose container is the site's."""
    url = f"sqlite:///{tmp_path / 'tocsin.db'}"
    rig = Rig.build(programs, url, tmp_path, origin=site.origin)
    assert rig.server is not None
    site.edge = RealEdge(rig.server.address, rig.key)
    return rig


@pytest.fixture
def guest(browser: BrowserContext, site: Site, rig: Rig) -> Iterator[Visitor]:
    """A visitor whose browser's push service is the simulator."""
    virtual = VirtualSubscribers("tocsin").get(7)
    with visitor(browser, site.origin) as guest:
        guest.page.add_init_script(fake_push_script(virtual.subscription(rig.push_service.address)))
        guest.visit("/welcome")
        yield guest


def _task(guest: Visitor, title: str) -> dict[str, Any]:
    return {
        "name": title,
        "status": 1,
        "start_time": "immediately",
        "custom_data": json.dumps({"order": 17}),
        "message": {
            "title": {"en": "Not this one", "de": title},
            "body": {"de": "Nur heute"},
            "image": {"en": f"{guest.origin}/image.png"},
            "icon": f"{guest.origin}/icon.png",
            "landing_url": f"{guest.origin}/sale",
            "require_interaction": 1,
            "actions": [
                {"title": {"de": "Ansehen"}, "url": f"{guest.origin}/look"},
                {"title": {"de": "Später"}, "url": f"{guest.origin}/later"},
            ],
        },
    }


def _counted(rig: Rig, task_id: str, **expected: int) -> Callable[[], dict[str, int] | None]:
    """Return a look at the task's counters that finds them once they are as *expected*."""

    def look() -> dict[str, int] | None:
        execution = rig.execution(task_id)
        counters = execution["counters"] if execution else {}
        return counters if expected.items() <= counters.items() else None

    return look


def test_a_push_task_reaches_a_real_browser_and_its_events_come_back(
    rig: Rig, guest: Visitor, desktop: Desktop
) -> None:
    enrolled = guest.page.evaluate(
        "Tocsin.subscribe({language: 'de', remoteUserId: 'anna', userData: {plan: 'gold'}})"
    )

    (person,) = _people(rig)
    assert person["id"] == enrolled["id"]
    assert (person["language"], person["remote_user_id"]) == ("de", "anna")
    assert person["user_data"] == {"plan": "gold"}
    assert person["application"] == guest.host
    assert person["browser"] == "10"  # Chromium, as Debian builds it

    title = f"Angebot {guest.origin}"
    task_id = rig.post(_task(guest, title))
    assert rig.until_done(task_id)["counters"]["delivered"] == 1
    (message,) = rig.messages()
    guest.deliver_push(message["payload"])

    shown = guest.notification(title)
    assert shown["body"] == "Nur heute"
    assert shown["icon"] == f"{guest.origin}/icon.png"
    assert shown["image"] == f"{guest.origin}/image.png"
    assert shown["requireInteraction"] is True
    assert [action["title"] for action in shown["actions"]] == ["Ansehen", "Später"]
    assert shown["data"]["custom"] == {"order": 17}
    until(_counted(rig, task_id, wokenup=1, impression=1, total_click=0), within=30)

    guest.until(lambda: desktop.find(title), what="the notification on the desktop")
    with guest.page.context.expect_page() as opening:
        desktop.click(title)
    opening.value.wait_for_url(f"{guest.origin}/sale")
    opening.value.close()
    clicked = until(_counted(rig, task_id, total_click=1, click=1), within=30)
    assert (clicked["wokenup"], clicked["impression"], clicked["close"]) == (1, 1, 0)


def test_buttons_and_closes_are_counted_apart_and_once(
    rig: Rig, guest: Visitor, desktop: Desktop
) -> None:
    guest.page.evaluate("Tocsin.subscribe({language: 'de'})")
    pressed, closed = f"Knopf {guest.origin}", f"Weg {guest.origin}"
    pressed_id, closed_id = (rig.post(_task(guest, title)) for title in (pressed, closed))
    for task_id in (pressed_id, closed_id):
        rig.until_done(task_id)
    for message in rig.messages():
        guest.deliver_push(message["payload"])
    for title in (pressed, closed):
        guest.until(lambda title=title: desktop.find(title), what=title)

    with guest.page.context.expect_page() as opening:
        desktop.click(pressed, "1")
    opening.value.wait_for_url(f"{guest.origin}/later")
    opening.value.close()
    desktop.dismiss(closed)

    button = until(_counted(rig, pressed_id, total_click=1, action_1=1), within=30)
    assert (button["click"], button["action_0"], button["close"]) == (0, 0, 0)
    gone = until(_counted(rig, closed_id, close=1), within=30)
    assert (gone["wokenup"], gone["impression"], gone["total_click"]) == (1, 1, 0)


def test_who_unsubscribes_is_sent_nothing_more(rig: Rig, guest: Visitor) -> None:
    guest.page.evaluate("Tocsin.subscribe()")
    assert [person["status"] for person in _people(rig)] == ["active"]

    guest.page.evaluate("Tocsin.unsubscribe()")

    assert [person["status"] for person in _people(rig)] == ["unsubscribed"]
    assert rig.until_done(rig.post(_task(guest, "Zu spät")))["counters"]["total_user"] == 0
    assert rig.messages() == []


def test_who_was_imported_comes_over_and_stays_the_same_person(
    rig: Rig, guest: Visitor, tmp_path: Path
) -> None:
    """Another vendor's subscription, imported, is in the browser when the visitor subscribes."""
    known = {
        "remote_user_id": "anna",
        "user_data": {"plan": "gold"},
        "subscribed_at": "2020-01-02T03:04:05Z",
    }
    old = VirtualSubscribers("elsewhere").get(1).subscription(rig.push_service.address)
    file = tmp_path / "people.ndjson"
    file.write_text(json.dumps({"container": rig.key, "subscription": old, **known}))
    assert "1 created" in rig.tocsin("subscribers", "import", "--account", "main", str(file))
    (imported,) = _people(rig)
    guest.page.evaluate(
        "(held) => localStorage.setItem('fake-push', JSON.stringify(held))",
        {"endpoint": old["endpoint"], "key": a_key()},
    )
    guest.visit()
    assert _people(rig) == [imported], "a visit alone subscribes nobody"

    enrolled = guest.page.evaluate("Tocsin.subscribe()")

    (person,) = _people(rig, "--keys")
    assert enrolled == {"id": imported["id"]} == {"id": person["id"]}
    assert {name: person[name] for name in known} == known
    new = VirtualSubscribers("tocsin").get(7).subscription(rig.push_service.address)
    assert person["subscription"] == {name: new[name] for name in ("endpoint", "keys")}
    task_id = rig.post(_task(guest, "Willkommen"))
    assert rig.until_done(task_id)["counters"]["delivered"] == 1
    assert len(rig.messages()) == 1, "the old endpoint is nobody's at this push service"


def _people(rig: Rig, *options: str) -> list[dict[str, Any]]:
    lines = rig.tocsin("subscribers", "export", "--account", "main", *options, "-").splitlines()
    return [json.loads(line) for line in lines]
