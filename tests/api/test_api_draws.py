"""What draws came to, over real HTTP: reports of ads, the book of a zone, totals, one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from face import Answer, Face, errors, task

from tocsin.domain import ad_token, message_token
from tocsin.domain.account import Account
from tocsin.domain.draw import FALLBACK_SLOT, Ad, DrawRef, Why, path_in
from tocsin.domain.message_token import MessageRef
from tocsin.services.counting import Counting
from tocsin.services.drawing import Claim, Drawing, Settled

TASKS: Final = "/v1/hood/push-tasks"
ZONES: Final = "/v1/hood/zones"
FALLBACK: Final = {"title": "Update", "landing_url": "https://www.example.com/"}
NO_TOTALS: Final = {
    "claimed": 0,
    "open": 0,
    "ended": {why.value: 0 for why in Why},
    "won": 0,
    "won_price": "0",
    "shown": 0,
    "shown_price": "0",
    "clicked": 0,
    "fallback": 0,
}


@dataclass
class Scene:
    """A task that drew for some people."""

    face: Face
    owner: Account
    token: str
    zone_id: str
    task_id: str
    execution_id: int
    user_ids: Sequence[str]
    ordinals: Sequence[int]

    def get(self, path: str, token: str | None = None) -> Answer:
        return self.face.call("GET", path, token=token or self.token)

    def draws(self) -> Any:
        return self.get(f"{TASKS}/{self.task_id}/draws").json

    def book(self, query: str = "") -> Any:
        return self.get(f"{ZONES}/{self.zone_id}/book{query}").json

    def claim(self, number: int) -> Claim:
        ref = DrawRef(self.execution_id, self.ordinals[number], 0)
        (claim,) = self._drawing.claim([ref], now_ms=self.face.clock.now_ms())
        assert isinstance(claim, Claim)
        return claim

    def settle(self, *settled: Settled) -> None:
        assert all(self._drawing.settle(settled, now_ms=self.face.clock.now_ms()))

    def report(self, number: int, slot: int, event: str, **more: Any) -> None:
        ref = DrawRef(self.execution_id, self.ordinals[number], path_in(0, slot))
        key, now_ms = self.face.program.keyring.message_token, self.face.clock.now_ms()
        self.tell(ad_token.mint(key, ref, drawn_ms=now_ms), event, **more)

    def tell(self, token: str, event: str, **more: Any) -> None:
        body = {"token": token, "event": event} | more
        assert self.face.call("POST", "/v1/edge/events", body).status == 204

    @property
    def _drawing(self) -> Drawing:
        return Drawing(self.face.program.store, self.face.program.keyring)


def scene(face: Face, *, first: int, owner: Account | None = None, people: int = 3) -> Scene:
    """Return a scene with people of its own, of whom the first has this number."""
    owner = owner or face.account()
    token = face.token(owner)
    site = face.site(owner)
    users = [face.register(site, first + n).json["id"] for n in range(people)]
    zone = {"name": "Ads", "protocol": "feed", "url": "https://ads.example.com/feed"}
    zone_id = face.call("POST", ZONES, zone, token=token).json["id"]
    order = task(adex={"zone_id": zone_id, "fallback_message": FALLBACK})
    del order["message"]
    task_id = face.call("POST", TASKS, order, token=token).json["id"]
    face.plan()
    face.cut_and_close()
    path = f"{TASKS}/{task_id}/executions"
    execution_id = face.call("GET", path, token=token).json["items"][0]["id"]
    with face.program.store.read() as unit:
        known = unit.subscribers.seen(owner.scope, [int(user) for user in users])
    ordinals = {str(one.id): one.ordinal for one in known}
    return Scene(
        face,
        owner,
        token,
        zone_id,
        task_id,
        int(execution_id),
        users,
        [ordinals[user] for user in users],
    )


def ad(name: str, price_micros: int | None) -> Ad:
    return Ad(id=name, title="Buy", body=None, url="https://a.example/", price_micros=price_micros)


def test_what_draws_came_to_is_told_in_all_three_views(face: Face) -> None:
    here = scene(face, first=71_000)
    assert here.draws() == NO_TOTALS
    assert here.book() == {"total": 0, "items": []}

    here.settle(
        Settled(here.claim(0), Why.FILLED, (ad("a", 250_001), ad("b", None))),
        Settled(here.claim(1), Why.TIMEOUT),
    )
    here.claim(2)
    here.report(0, 0, "shown")
    here.report(0, 1, "action", action=1)
    here.report(1, FALLBACK_SLOT, "shown")
    while Counting(face.program.store).fold():
        pass

    assert here.draws() == {
        **NO_TOTALS,
        "claimed": 3,
        "open": 1,
        "ended": {**NO_TOTALS["ended"], "filled": 1, "timeout": 1},
        "won": 2,
        "won_price": "0.250001",
        "shown": 2,
        "shown_price": "0.250001",
        "clicked": 1,
        "fallback": 1,
    }
    found = {row["ad_id"]: row for row in here.book()["items"]}
    assert found["a"] == {
        "task_id": here.task_id,
        "ad_id": "a",
        "hour": found["b"]["hour"],
        "won": 1,
        "won_price": "0.250001",
        "shown": 1,
        "shown_price": "0.250001",
        "clicked": 0,
    }
    assert found["b"]["clicked"] == 1
    path = f"{TASKS}/{here.task_id}/executions/{here.execution_id}/recipients"
    draws = [here.get(f"{path}/{user}").json["draws"] for user in here.user_ids]
    assert [[one["why"] for one in some] for some in draws] == [["filled"], ["timeout"], [None]]
    assert draws[0][0]["ads"] == [
        {"id": "a", "fallback": "0", "price": "0.250001", "shown": "1", "clicked": "0"},
        {"id": "b", "fallback": "0", "price": None, "shown": "1", "clicked": "1"},
    ]
    assert draws[1][0]["ads"] == [
        {"id": "", "fallback": "1", "price": None, "shown": "1", "clicked": "0"}
    ]
    counters = here.get(f"{TASKS}/{here.task_id}/executions").json["items"][0]["counters"]
    assert (counters["wokenup"], counters["impression"], counters["total_click"]) == (2, 2, 1)


def test_the_book_is_sorted_and_filtered_by_every_field(face: Face) -> None:
    here = scene(face, first=72_000)
    here.settle(
        Settled(here.claim(0), Why.FILLED, (ad("a", 1), ad("b", 3_000_000), ad("c", 2))),
        Settled(here.claim(1), Why.FILLED, (ad("a", 1), ad("b", 1_500_000))),
    )
    hour = here.book()["items"][0]["hour"]

    def ids(query: str) -> list[str]:
        return [row["ad_id"] for row in here.book(query)["items"]]

    assert ids("") == ["c", "b", "a"]
    assert ids("?sort=-won_price") == ["b", "c", "a"]
    assert ids("?sort=won,ad_id") == ["c", "a", "b"]
    assert ids("?page=2,1&sort=ad_id") == ["b"]
    assert ids("?won_price=gte:4.5") == ["b"]
    assert ids("?won=2&sort=ad_id") == ["a", "b"]
    assert ids("?ad_id=in:a,c&sort=ad_id") == ["a", "c"]
    assert ids("?q=B&shown=0&clicked=0&shown_price=0") == ["b"]
    assert ids(f"?hour=lt:{hour.replace(' ', '%20')}") == []
    assert ids(f"?task_id={here.task_id}&fields=ad_id&sort=ad_id") == ["a", "b", "c"]
    refused = here.get(f"{ZONES}/{here.zone_id}/book?won_price=0.1234567")
    assert (refused.status, errors(refused)) == (400, ["won_price"])


@pytest.mark.parametrize("slot", [0, FALLBACK_SLOT])
def test_what_is_no_report_of_an_ad_counts_nothing(face: Face, slot: int) -> None:
    here = scene(face, first=73_000 + slot * 10)
    here.settle(Settled(here.claim(0), Why.FILLED, (ad("a", 1),)))
    key, now_ms = face.program.keyring.message_token, face.clock.now_ms()
    ref = DrawRef(here.execution_id, here.ordinals[0], path_in(0, slot))

    here.report(0, slot, "fallback")
    here.report(0, slot, "opened")
    here.tell(ad_token.mint(bytes(32), ref, drawn_ms=now_ms), "shown")
    here.tell(ad_token.mint(key, ref, drawn_ms=0), "shown")
    while Counting(face.program.store).fold():
        pass

    assert (here.draws()["shown"], here.draws()["fallback"]) == (0, 0)
    counters = here.get(f"{TASKS}/{here.task_id}/executions").json["items"][0]["counters"]
    assert counters["wokenup"] == 0


def test_a_device_tells_that_it_showed_its_own_fallback(face: Face) -> None:
    here = scene(face, first=74_000)
    key, now_ms = face.program.keyring.message_token, face.clock.now_ms()
    ref = MessageRef(here.execution_id, here.ordinals[0])

    for _ in range(2):
        here.tell(message_token.mint(key, ref, expires_ms=now_ms), "fallback")
    while Counting(face.program.store).fold():
        pass

    assert here.draws() == {**NO_TOTALS, "fallback": 1}
    counters = here.get(f"{TASKS}/{here.task_id}/executions").json["items"][0]["counters"]
    assert (counters["wokenup"], counters["impression"]) == (1, 1)


def test_a_child_sees_its_own_lines_of_the_book_and_strangers_none(face: Face) -> None:
    root = face.account()
    child = face.account(root)
    here = scene(face, first=75_000, owner=child)
    here.settle(Settled(here.claim(0), Why.FILLED, (ad("a", 1),)))
    of_root, stranger = face.token(root), face.token(face.account())
    book, draws = f"{ZONES}/{here.zone_id}/book", f"{TASKS}/{here.task_id}/draws"

    assert here.get(book, of_root).json == here.get(book).json != {"total": 0, "items": []}
    assert here.get(draws, of_root).json == here.get(draws).json
    assert here.get(book, stranger).status == here.get(draws, stranger).status == 404

    order = task(adex={"zone_id": here.zone_id, "fallback_message": FALLBACK})
    del order["message"]
    task_id = face.call("POST", TASKS, order, token=of_root).json["id"]
    face.plan()
    above = Scene(**{**vars(here), "task_id": task_id, "token": of_root})
    path = f"{TASKS}/{task_id}/executions"
    above.execution_id = int(above.get(path).json["items"][0]["id"])
    above.settle(Settled(above.claim(1), Why.FILLED, (ad("of the root", 1),)))

    assert [row["ad_id"] for row in here.book()["items"]] == ["a"]
    assert {row["ad_id"] for row in above.book()["items"]} == {"a", "of the root"}


def test_sums_outlive_their_task(face: Face) -> None:
    here = scene(face, first=76_000)
    here.settle(Settled(here.claim(0), Why.FILLED, (ad("a", 1),)))

    face.call("DELETE", f"{TASKS}/{here.task_id}", token=here.token)

    assert [row["task_id"] for row in here.book()["items"]] == [here.task_id]
    assert here.get(f"{TASKS}/{here.task_id}/draws").status == 404
