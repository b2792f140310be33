"""Messages from an ad exchange, end to end: real server, simulated exchange, real Chromium."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext

from programs import Program, Programs
from rig import Rig, until
from tocsin.simulators.virtual_subscribers import VirtualSubscribers
from tocsin.web.hood.examples import CREATE

from .chromium import Visitor, fake_push_script, visitor
from .desktop import Desktop
from .servers import Site
from .test_real_server import RealEdge

# What the exchange does in place of an honest answer, and what the book says of the draw then.
TROUBLE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "slow": ({"delay_ms": 5000}, "timeout"),
    "dripping": ({"drip": {"pieces": 100, "every_ms": 100}}, "timeout"),
    "empty": ({"empty": True}, "empty"),
    "HTML": ({"html": True}, "malformed"),
    "a 10 MB title": ({"title_bytes": 10 << 20}, "malformed"),
    "a gzip bomb": ({"gzip_bytes": 64 << 20}, "malformed"),
    "a script for an address": ({"landing": "javascript:alert(1)"}, "malformed"),
    "elsewhere": ({"redirect": "http://localhost:1/"}, "refused"),
    "a reset": ({"reset": True}, "unreachable"),
}


@dataclass
class Scene:
    """A visitor who has subscribed, a zone, and the exchange behind it."""

    rig: Rig
    guest: Visitor
    exchange: Program
    zone_id: str

    def order(self, title: str, **adex: Any) -> str:
        """Send an adex push to the visitor; return the task."""
        fallback = {"title": title, "landing_url": f"{self.guest.origin}/fallback"}
        shape = {"zone_id": self.zone_id, "fallback_message": fallback} | adex
        return self.send({"name": title, "status": 1, "start_time": "immediately", "adex": shape})

    def send(self, task: dict[str, Any]) -> str:
        task_id = self.rig.post(task)
        until(lambda: self._delivered(task_id) or None, within=60)
        self.guest.deliver_push(self.rig.messages()[-1]["payload"])
        return task_id

    def _delivered(self, task_id: str) -> int:
        execution = self.rig.execution(task_id)
        return execution["counters"]["delivered"] if execution else 0

    def behave(self, *rules: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.exchange.address}/behaviour", json.dumps(rules).encode(), method="POST"
        )
        urllib.request.urlopen(request).close()

    def report(self) -> Any:
        with urllib.request.urlopen(f"{self.exchange.address}/report") as answer:
            return json.loads(answer.read())

    def draws(self, task_id: str, **expected: int) -> Callable[[], Any]:
        """Return a look at a task's draws that finds them once they are as *expected*."""

        def look() -> Any:
            found = self.rig.curl(f"/v1/hood/push-tasks/{task_id}/draws")
            return found if expected.items() <= (found | found["ended"]).items() else None

        return look


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    programs: Programs,
    site: Site,
    tmp_path: Path,
    browser: BrowserContext,
) -> Iterator[Scene]:
    """A scene on SQLite; its parameter is the protocol, a feed without one."""
    protocol = getattr(request, "param", "feed")
    exchange = programs.start("simulate", "exchange", "--host", "127.0.0.1", "--port", "0")
    port = exchange.address.rpartition(":")[2]
    rig = Rig.build(
        programs,
        f"sqlite:///{tmp_path / 'tocsin.db'}",
        tmp_path,
        origin=site.origin,
        TOCSIN_EXCHANGE_HOSTS=f"localhost:{port}",
    )
    assert rig.server is not None
    site.edge = RealEdge(rig.server.address, rig.key)
    url = f"http://localhost:{port}/{protocol}"
    zone = {"name": "Simulated", "protocol": protocol, "url": url, "timeout_ms": 1000}
    made = rig.curl(
        *("-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(zone)),
        "/v1/hood/zones",
    )
    with visitor(browser, site.origin) as guest:
        virtual = VirtualSubscribers("tocsin").get(7)
        subscription = virtual.subscription(rig.push_service.address)
        guest.page.add_init_script(fake_push_script(subscription))
        guest.visit("/welcome")
        guest.page.evaluate("Tocsin.subscribe({language: 'de'})")
        yield Scene(rig, guest, exchange, made["id"])


@pytest.mark.parametrize("scene", ["feed", "openrtb"], indirect=True)
def test_an_ad_is_shown_clicked_and_followed_by_the_next(scene: Scene, desktop: Desktop) -> None:
    task_id = scene.order("Not this", repeat_on_click=1)

    shown = scene.guest.notification("Ad 1")
    assert shown["body"] == "What ad 1 has to say"
    assert shown["image"] == f"{scene.exchange.address}/image/1.png"
    until(scene.draws(task_id, claimed=1, filled=1, won=1, shown=1, clicked=0), within=30)

    scene.guest.until(lambda: desktop.find("Ad 1"), what="the ad on the desktop")
    with scene.guest.page.context.expect_page() as opening:
        desktop.click("Ad 1")
    opening.value.wait_for_url(f"{scene.exchange.address}/landing/1")
    opening.value.close()

    scene.guest.notification("Ad 2")
    totals = until(scene.draws(task_id, claimed=2, filled=2, shown=2, clicked=1), within=30)
    assert (totals["open"], totals["won_price"], totals["fallback"]) == (0, "0.5", 0)
    report = scene.report()
    assert (report["pixels"], report["landings"]) == ({"1": 1, "2": 1}, {"1": 1})
    assert (report["asked"], report["violations"]) == (2, [])
    counters = until(lambda: _counted(scene.rig, task_id), within=30)
    assert (counters["wokenup"], counters["impression"]) == (1, 1)


def _counted(rig: Rig, task_id: str) -> dict[str, int] | None:
    execution = rig.execution(task_id)
    counters: dict[str, int] = execution["counters"] if execution else {}
    return counters if counters.get("total_click") else None


def test_whatever_the_exchange_does_the_fallback_is_shown(scene: Scene) -> None:
    for name, (rule, why) in TROUBLE.items():
        scene.behave(rule)

        task_id = scene.order(f"In place of {name}")

        scene.guest.notification(f"In place of {name}")
        totals = until(scene.draws(task_id, claimed=1, fallback=1, **{why: 1}), within=30)
        assert (totals["won"], totals["open"]) == (0, 0), name

    scene.exchange.interrupt_leader(SIGTERM)
    scene.exchange.wait()
    task_id = scene.order("In place of nobody there")
    scene.guest.notification("In place of nobody there")
    until(scene.draws(task_id, claimed=1, fallback=1), within=30)


def test_without_the_server_the_push_s_own_fallback_is_shown(scene: Scene) -> None:
    assert scene.rig.server is not None
    task_id = scene.rig.post(
        {
            "name": "alone",
            "status": 1,
            "start_time": "immediately",
            "adex": {
                "zone_id": scene.zone_id,
                "fallback_message": {"title": "Alone", "landing_url": "https://www.example.com/"},
            },
        }
    )
    scene.rig.until_done(task_id)
    scene.rig.server.kill()
    scene.rig.server.wait()

    scene.guest.deliver_push(scene.rig.messages()[-1]["payload"])

    scene.guest.notification("Alone")


def test_the_vendor_s_own_example_is_delivered_through(scene: Scene) -> None:
    """As their page has it, but for whom it is for: ids are this server's."""
    (person,) = scene.rig.curl("/v1/hood/users")["items"]
    task = json.loads(json.dumps(CREATE["every day, from a demand source"]))
    task["targeting"]["users"]["items"] = [person["id"]]

    task_id = scene.send(task)

    shown = scene.guest.notification("Important Update Available")
    assert shown["requireInteraction"] is True
    assert [action["title"] for action in shown["actions"]] == ["View Details", "Dismiss"]
    until(scene.draws(task_id, claimed=1, no_zone=1, fallback=1), within=30)
