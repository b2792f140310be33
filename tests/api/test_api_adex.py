"""``GET /v1/edge/adex/{token}``: a device draws, over real HTTP, from a source over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from face import ORIGIN, Answer, Face, serving, task

from tocsin.domain import ad_token, message_token
from tocsin.domain.draw import FALLBACK_SLOT, DrawRef, path_in
from tocsin.domain.message_token import MessageRef
from tocsin.exchange.breaker import SHORTEST_REST_MS

AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156"
FALLBACK: Final = {
    "title": "Update for ${user_data.name|you}",
    "body": "Look",
    "landing_url": "https://www.example.com/?click=${OCMH_CLICK_ID}",
}
AD: Final = {
    "id": "7",
    "title": "Buy",
    "desc": "Now",
    "url": "https://a.example/1",
    "img": "https://a.example/i.png",
    "icon": "https://a.example/c.png",
    "pixels": ["https://a.example/p"],
    "bid": "0.5",
}


class Source:
    """A demand source that says *answer* to everything, and notes what it was asked."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.asked: list[dict[str, str]] = []
        self.headers: list[Any] = []
        self.holds = threading.Event()
        self.holds.set()
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                asked.asked.append({name: values[0] for name, values in query.items()})
                asked.headers.append(self.headers)
                asked.holds.wait(30)
                body = asked.answers[min(len(asked.asked), len(asked.answers)) - 1]
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def say(self, *items: list[dict[str, Any]]) -> None:
        """Answer the first question with the first of *items*, and so on."""
        self.answers = [json.dumps({"items": some}).encode() for some in items]


class Scene:
    """A person, a task that draws for them, and its source."""

    def __init__(self, face: Face, source: Source) -> None:
        self.face = face
        self.source = source
        self.owner = face.account()
        self.token = face.token(self.owner)

    def order(
        self,
        *,
        zone: dict[str, Any] | None = None,
        people: int = 1,
        custom_data: str | None = None,
        **adex: Any,
    ) -> None:
        """Make people, a zone, and a task that draws from it for all of them."""
        url = f"http://localhost:{self.source.port}/feed"
        body = {"name": "Ads", "protocol": "feed", "url": url, "timeout_ms": 1500} | (zone or {})
        zone_id = self._post("zones", body)
        site = self.face.site(self.owner)
        known = {"language": "sr", "user_data": {"name": "Ana"}, "page": f"{ORIGIN}/news"}
        self.user_ids = [
            self.face.register(site, number, **known).json["id"] for number in range(people)
        ]
        shape = {"zone_id": zone_id, "fallback_message": FALLBACK} | adex
        order = task(adex=shape, custom_data=custom_data)
        del order["message"]
        self.task_id = self._post("push-tasks", order)
        self.face.plan()
        self.face.cut_and_close()
        path = f"/v1/hood/push-tasks/{self.task_id}/executions"
        (execution,) = self.face.call("GET", path, token=self.token).json["items"]
        self.execution_id = int(execution["id"])
        with self.face.program.store.read() as unit:
            found = unit.subscribers.seen(self.owner.scope, [int(one) for one in self.user_ids])
        ordinals = {str(one.id): one.ordinal for one in found}
        self.ordinals = [ordinals[one] for one in self.user_ids]

    def _post(self, what: str, body: dict[str, Any]) -> str:
        answer = self.face.call("POST", f"/v1/hood/{what}", body, token=self.token)
        assert answer.status == 201, answer.json
        found: str = answer.json["id"]
        return found

    @property
    def message(self) -> str:
        """The token of the message that woke the first one's device."""
        return self.message_of(0)

    def message_of(self, number: int) -> str:
        ref = MessageRef(self.execution_id, self.ordinals[number])
        return message_token.mint(self._key, ref, expires_ms=self._now_ms)

    def draw(self, token: str | None = None) -> Answer:
        return self.face.call(
            "GET", f"/v1/edge/adex/{token or self.message}", headers={"User-Agent": AGENT}
        )

    def token_of(self, path: int) -> str:
        ref = DrawRef(self.execution_id, self.ordinals[0], path)
        return ad_token.mint(self._key, ref, drawn_ms=self._now_ms)

    def totals(self) -> Any:
        path = f"/v1/hood/push-tasks/{self.task_id}/draws"
        return self.face.call("GET", path, token=self.token).json

    @property
    def _key(self) -> bytes:
        return self.face.program.keyring.message_token

    @property
    def _now_ms(self) -> int:
        return self.face.clock.now_ms()


@pytest.fixture
def source() -> Iterator[Source]:
    """Return a source that listens."""
    found = Source()
    with listening(found.server):
        yield found


@contextmanager
def listening(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def scene(tmp_path: Path, migrated_url: str, source: Source) -> Iterator[Scene]:
    """Return a scene on each kind of database."""
    hosts = (f"localhost:{source.port}",)
    with serving(tmp_path, migrated_url, exchange_hosts=hosts) as face:
        yield Scene(face, source)


def test_an_ad_is_drawn_once(scene: Scene) -> None:
    scene.source.say([AD])
    scene.order(number_of_messages=2)

    first = scene.draw()

    assert first.status == 200
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Cache-Control"] == "no-store"
    assert first.json == {
        "items": [
            {
                "token": scene.token_of(path_in(0, 0)),
                "title": "Buy",
                "options": {"body": "Now", "icon": AD["icon"], "image": AD["img"]},
                "url": "https://a.example/1",
                "action_urls": [],
                "pixels": ["https://a.example/p"],
                "repeat": None,
            }
        ]
    }
    second = scene.draw()
    assert (second.status, second.json["message"]) == (410, "it was drawn before")
    assert second.headers["Access-Control-Allow-Origin"] == "*"
    totals = scene.totals()
    assert (totals["claimed"], totals["ended"]["filled"], totals["won_price"]) == (1, 1, "0.5")


def test_the_source_is_told_who_draws(scene: Scene) -> None:
    scene.source.say([AD])
    scene.order(
        zone={"bid_floor": "0.25", "headers": {"Authorization": "Bearer abc"}},
        number_of_messages=3,
        account_id=["11", "12"],
        campaign_id=["21"],
        group_id=["31"],
    )

    scene.draw()

    assert scene.source.asked == [
        {
            "ua": AGENT,
            "ip": "127.0.0.1",
            "lang": "sr",
            "page": "https://www.example.com/",
            "num": "3",
            "subid": scene.task_id,
            "bf": "0.25",
            "cmp": "21",
            "vas": "31",
            "acc": "11,12",
            "ud_name": "Ana",
        }
    ]
    assert scene.source.headers[0]["Authorization"] == "Bearer abc"


def test_an_empty_answer_has_the_default_campaign_asked(scene: Scene) -> None:
    scene.source.say([], [AD])
    scene.order(campaign_id=["21"], default_campaign_id="22")

    shown = scene.draw().json["items"]

    assert [one["cmp"] for one in scene.source.asked] == ["21", "22"]
    assert [one["title"] for one in shown] == ["Buy"]
    assert scene.totals()["ended"]["filled"] == 1


@pytest.mark.parametrize("answer", [b"", b"<html>", b'{"items": []}', b'{"items": 1}'])
def test_whatever_comes_the_fallback_is_shown(scene: Scene, answer: bytes) -> None:
    scene.source.answers = [answer]
    scene.order()

    (shown,) = scene.draw().json["items"]

    token = scene.token_of(path_in(0, FALLBACK_SLOT))
    assert shown["token"] == token
    assert shown["title"] == "Update for Ana"
    assert shown["options"]["body"] == "Look"
    assert shown["url"] == f"https://www.example.com/?click={token}"
    assert (shown["pixels"], shown["repeat"]) == ([], None)
    ended = scene.totals()["ended"]
    assert ended["empty" if b"[]" in answer else "malformed"] == 1


def test_a_slow_source_is_waited_for_no_longer_than_its_zone_says(scene: Scene) -> None:
    scene.source.say([AD])
    scene.source.holds.clear()
    scene.order(zone={"timeout_ms": 50})

    (shown,) = scene.draw().json["items"]
    scene.source.holds.set()

    assert shown["title"] == "Update for Ana"
    assert scene.totals()["ended"]["timeout"] == 1


def test_a_click_draws_the_next_once(scene: Scene) -> None:
    scene.source.say([AD], [AD | {"id": "8", "title": "More"}], [])
    scene.order(repeat_on_click=1)
    (first,) = scene.draw().json["items"]
    assert first["repeat"] == f"/v1/edge/adex/{first['token']}"

    (second,) = scene.draw(first["token"]).json["items"]

    assert second["title"] == "More"
    assert scene.draw(first["token"]).status == 410
    assert scene.draw(second["token"]).json == {"items": []}  # after a click no fallback
    ended = scene.totals()["ended"]
    assert (ended["filled"], ended["empty"]) == (2, 1)


def test_a_click_draws_nothing_where_the_task_does_not_say_so(scene: Scene) -> None:
    scene.source.say([AD])
    scene.order()
    (shown,) = scene.draw().json["items"]

    assert scene.draw(shown["token"]).json["message"] == "a click on it draws nothing"


def test_custom_data_goes_with_whatever_is_shown(scene: Scene) -> None:
    scene.source.say([AD])
    scene.order(custom_data='{"a": 1}')

    assert [one["custom"] for one in scene.draw().json["items"]] == [{"a": 1}]


def test_a_forged_token_draws_nothing(scene: Scene) -> None:
    scene.source.say([AD])
    scene.order()
    token = scene.message
    forged = token[:-1] + ("A" if token[-1] != "A" else "Q")

    for bad in (forged, "x", token + "A", scene.token_of(0)[:-2] + "AA"):
        assert scene.draw(bad).status == 404
    assert scene.source.asked == []


def test_a_source_that_fails_is_left_alone_and_asked_again(scene: Scene) -> None:
    scene.source.answers = [b"<html>"]
    scene.order(people=13, zone={"daily_cap": 11})  # those that are not asked do not count

    for number in range(12):
        assert scene.draw(scene.message_of(number)).json["items"][0]["title"].startswith("Update")

    ended = scene.totals()["ended"]
    assert (ended["malformed"], ended["resting"], len(scene.source.asked)) == (10, 2, 10)
    scene.source.say([AD])
    scene.face.clock.forward(SHORTEST_REST_MS)
    assert scene.draw(scene.message_of(12)).json["items"][0]["title"] == "Buy"


def test_who_is_erased_draws_nothing(scene: Scene) -> None:
    scene.source.say([AD])
    scene.order()
    message = scene.message
    scene.face.call("DELETE", f"/v1/hood/users/{scene.user_ids[0]}", token=scene.token)

    answer = scene.draw(message)

    assert (answer.status, scene.source.asked) == (410, [])


def test_a_task_without_a_zone_shows_its_fallback(scene: Scene) -> None:
    scene.order(zone_id="999")

    assert scene.draw().json["items"][0]["title"] == "Update for Ana"
    assert scene.totals()["ended"]["no_zone"] == 1


def test_devices_report_what_they_showed_with_its_token(scene: Scene) -> None:
    scene.source.say([AD])
    scene.order()
    (shown,) = scene.draw().json["items"]

    for event in ("shown", "shown", "click"):
        body = {"token": shown["token"], "event": event}
        assert scene.face.call("POST", "/v1/edge/events", body).status == 204

    totals = scene.totals()
    assert (totals["shown"], totals["clicked"], totals["shown_price"]) == (1, 1, "0.5")
