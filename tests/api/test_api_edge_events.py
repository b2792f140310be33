"""Events and the tag over real HTTP: what is reported counts once, and what a page loads."""

import hashlib
from pathlib import Path
from typing import Any, Final

import pytest
from face import ORIGIN, Answer, Face, serving

from tocsin.domain.container import Container
from tocsin.domain.event import COUNTER_OF_KIND, Kind
from tocsin.domain.message_token import EVENTS_COUNT_FOR_S, MessageRef, mint
from tocsin.services.counting import Counting
from tocsin.store import tables

ELSEWHERE: Final = "https://www.example.com.evil.example"


@pytest.fixture
def site(face: Face) -> Container:
    """Return a site of a new tenant, with two origins."""
    return face.site(face.account(), ORIGIN, "http://localhost:8000")


# -- events ----------------------------------------------------------------------------------


def execution(face: Face, site: Container) -> int:
    """Return the id of an execution: events fall into its bitmaps."""
    now_ms = face.clock.now_ms()
    with face.program.database.write() as connection:
        task_id = connection.execute(
            tables.push_task.insert().values(
                root_id=site.root_id,
                account_id=site.account_id,
                name="task",
                status=1,
                immediately=True,
                ttl_s=0,
                urgency="normal",
                message={},
                targeting={},
                create_ms=now_ms,
                update_ms=now_ms,
            )
        ).inserted_primary_key[0]
        made = connection.execute(
            tables.execution.insert().values(
                task_id=task_id,
                root_id=site.root_id,
                account_id=site.account_id,
                due_ms=now_ms,
                state="done",
                next_ordinal=1 << 20,
                ordered={},
            )
        )
        found: int = made.inserted_primary_key[0]
        return found


def report(face: Face, body: Any, media_type: str = "text/plain;charset=UTF-8") -> Answer:
    return face.call("POST", "/v1/edge/events", body, headers={"Content-Type": media_type})


def counts(face: Face, execution_id: int) -> dict[str, int]:
    while Counting(face.program.store).fold():
        pass
    with face.program.store.read() as unit:
        found = unit.executions.event_counts([execution_id]).get(execution_id, {})
    return {COUNTER_OF_KIND[Kind(kind)]: count for kind, count in found.items()}


def test_a_report_is_counted_once(face: Face, site: Container) -> None:
    of = execution(face, site)
    key, expires_ms = face.program.keyring.message_token, face.clock.now_ms()
    tokens = [mint(key, MessageRef(of, ordinal), expires_ms=expires_ms) for ordinal in (0, 70)]

    for media_type in ("text/plain;charset=UTF-8", "application/json", "text/plain"):
        for token in tokens:
            answer = report(face, {"token": token, "event": "shown"}, media_type)
            assert (answer.status, answer.body) == (204, b"")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
    report(face, {"token": tokens[0], "event": "action", "action": 1})
    report(face, {"token": tokens[0], "event": "click"})

    assert counts(face, of) == {
        "wokenup": 2,
        "impression": 2,
        "total_click": 1,
        "click": 1,
        "action_1": 1,
    }


def test_what_is_no_true_report_counts_nothing(face: Face, site: Container) -> None:
    of, other = execution(face, site), execution(face, site)
    now_ms = face.clock.now_ms()
    key = face.program.keyring.message_token
    good = mint(key, MessageRef(of, 0), expires_ms=now_ms)
    old = mint(key, MessageRef(of, 0), expires_ms=now_ms - (EVENTS_COUNT_FOR_S + 1) * 1000)
    forged = mint(bytes(32), MessageRef(of, 0), expires_ms=now_ms)
    moved = mint(key, MessageRef(other, 0), expires_ms=now_ms)[:11] + good[11:]
    assert moved not in (good, mint(key, MessageRef(other, 0), expires_ms=now_ms))
    altered = ("A" if good[0] != "A" else "B") + good[1:]

    for token in (old, forged, moved, altered, good[:-1], good + "=", "", "é" * len(good), 7, None):
        assert report(face, {"token": token, "event": "shown"}).status == 204
    for body in (
        {"token": good},
        {"token": good, "event": "opened"},
        {"token": good, "event": "shown", "action": 0},
        {"token": good, "event": "action"},
        {"token": good, "event": "action", "action": 3},
        {"token": good, "event": "action", "action": True},
        {"event": "shown"},
        {},
        [],
        b"",
        b"\xff",
        b"{" + b" " * 5000 + b"}",
    ):
        assert report(face, body).status == 204
    assert report(face, {"token": good, "event": "shown"}, "image/png").status == 204

    assert counts(face, of) == counts(face, other) == {}


# -- the tag ---------------------------------------------------------------------------------


def test_the_tag_leads_to_its_asset(sqlite_face: Face) -> None:
    face, site = sqlite_face, sqlite_face.site(sqlite_face.account())

    tag = face.call("GET", f"/tag/{site.key}.js")

    assert tag.status == 200
    assert tag.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert tag.headers["Cache-Control"] == "no-cache"
    text = tag.body.decode()
    assert site.key in text
    assert site.vapid_public_key in text
    start = text.index(f"{face.address}/tag/assets/") + len(face.address)
    asset = face.call("GET", text[start : text.index('"', start)])
    assert asset.status == 200
    assert "immutable" in asset.headers["Cache-Control"]
    assert asset.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert hashlib.sha256(asset.body).hexdigest()[:16] in text


@pytest.mark.parametrize("path", ["/tag/{key}.js", "/tag/sw.js"])
def test_a_script_that_did_not_change_is_not_sent_again(sqlite_face: Face, path: str) -> None:
    site = sqlite_face.site(sqlite_face.account())
    path = path.format(key=site.key)
    first = sqlite_face.call("GET", path)

    def ask(etag: str) -> Answer:
        return sqlite_face.call("GET", path, headers={"If-None-Match": etag})

    same, other = ask(first.headers["ETag"]), ask('"another"')
    assert (same.status, same.body) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]
    assert (other.status, other.body) == (200, first.body)


def test_the_worker_knows_where_to_report(sqlite_face: Face) -> None:
    body = sqlite_face.call("GET", "/tag/sw.js").body.decode()

    assert body.startswith(f'const TOCSIN_URL = "{sqlite_face.address}";\n')


def test_behind_a_public_address_everything_names_it(tmp_path: Path, migrated_sqlite: Path) -> None:
    path = tmp_path / "tocsin.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    public = "https://push.example.org"
    with serving(tmp_path, f"sqlite:///{path}", public_url=public) as face:
        site = face.site(face.account())
        for script in ("/tag/sw.js", f"/tag/{site.key}.js"):
            body = face.call("GET", script, headers={"Host": "evil.example"}).body.decode()
            assert public in body
            assert "evil.example" not in body


def test_the_config_names_the_newest_key(face: Face, site: Container) -> None:
    path = f"/v1/edge/{site.key}/config"
    with face.program.store.write() as unit:
        unit.containers.add_vapid_key(site.id, public_key="newer", sealed_private=b"", now_ms=0)

    own = face.call("GET", path, headers={"Origin": ORIGIN})
    other = face.call("GET", path, headers={"Origin": ELSEWHERE})

    assert own.json == other.json == {"vapid_public_key": "newer"}
    assert own.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in other.headers
    assert own.headers["Cache-Control"] == "no-store"
