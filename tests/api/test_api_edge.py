"""Registrations over real HTTP: what browsers may do, and from which pages."""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from face import ORIGIN, Answer, Face, errors, serving, subscription
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

import geoip_files
from geoip_files import BELGRADE, IN_IPV6, LONDON, UNMAPPED
from tocsin.domain.account import Scope
from tocsin.domain.container import Container
from tocsin.domain.subscriber import Attributes
from tocsin.domain.subscription import Subscriber
from tocsin.machine.geoip import LOOK_EVERY_MS
from tocsin.store import tables

CHROME: Final = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36"
)
ELSEWHERE: Final = "https://www.example.com.evil.example"


@pytest.fixture
def site(face: Face) -> Container:
    """Return a site of a new tenant, with two origins."""
    return face.site(face.account(), ORIGIN, "http://localhost:8000")


def stored(face: Face, site: Container, answer: Answer) -> Subscriber:
    with face.program.store.read() as unit:
        found = unit.subscribers.by_id(site.id, int(answer.json["id"]))
    assert found is not None
    return found


def test_a_browser_registers_and_is_known_again(face: Face, site: Container) -> None:
    first = face.register(
        site, 1, language="sr", timezone="Europe/Belgrade", user_data={"a": [1, "b"]}
    )
    again = face.register(site, 1, remote_user_id="7", page=f"{ORIGIN}/shop")

    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert first.json.keys() == {"id", "secret"}
    assert str(int(first.json["id"])) == first.json["id"]
    for answer in (first, again):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Vary"] == "Origin"
        assert answer.headers["Cache-Control"] == "no-store"
    found = stored(face, site, again).attributes
    assert (found.language, found.country, found.remote_user_id) == ("sr", "RS", "7")
    assert found.user_data == {"a": [1, "b"]}
    assert found.host == "www.example.com"


def test_a_request_tells_what_its_body_does_not(face: Face, site: Container) -> None:
    headers = {
        "Origin": "http://localhost:8000",
        "User-Agent": CHROME,
        "Accept-Language": "pt-BR,pt;q=0.9,en;q=0.8",
        "Sec-CH-UA": '"Chromium";v="140", "Brave";v="140"',
    }

    answer = face.call(
        "POST",
        f"/v1/edge/{site.key}/subscriptions",
        {"subscription": subscription(2) | {"expirationTime": None}},
        headers=headers,
    )

    assert answer.status == 201
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:8000"
    found = stored(face, site, answer).attributes
    assert (found.browser, found.os, found.language, found.host) == (8, 12, "pt-BR", "localhost")


@pytest.fixture(scope="module")
def knowing_face(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Face]:
    """Return a face that knows where addresses are; its proxies are here and in 10.0.0.0/8."""
    data = tmp_path_factory.mktemp("geoip")
    url = f"sqlite:///{shutil.copy(migrated_sqlite, data / 'tocsin.db')}"
    proxies = ("127.0.0.1", "10.0.0.0/8")
    path = geoip_files.write(data / "City.mmdb")
    with serving(data, url, geoip_database=path, trusted_proxies=proxies) as face:
        yield face


def registered(face: Face, site: Container, number: int, address: str, **body: Any) -> Attributes:
    """Return what is stored of browser *number* after a proxy told that it is at *address*."""
    answer = face.call(
        "POST",
        f"/v1/edge/{site.key}/subscriptions",
        {"subscription": subscription(number)} | body,
        headers={"Origin": ORIGIN, "X-Forwarded-For": address},
    )
    assert answer.status in (200, 201)
    return stored(face, site, answer).attributes


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (LONDON, ("GB", "6269131", "2643743")),
        (f"::ffff:{LONDON}", ("GB", "6269131", "2643743")),
        (f"1.2.3.4, {BELGRADE}, 10.0.0.7", ("RS", "785958", "792680")),
        (IN_IPV6, ("RO", "683504", None)),
        pytest.param(UNMAPPED, ("SI", None, None), id="unmapped: the time zone's"),
        pytest.param("192.168.1.1", ("SI", None, None), id="private: the time zone's"),
        pytest.param("10.0.0.8", ("SI", None, None), id="proxies all the way: the time zone's"),
        pytest.param("unknown, [\xff;", ("SI", None, None), id="malformed: the time zone's"),
    ],
)
def test_where_a_browser_is(
    knowing_face: Face, address: str, place: tuple[str | None, ...]
) -> None:
    site = knowing_face.site(knowing_face.account())

    found = registered(knowing_face, site, 20, address, timezone="Europe/Ljubljana")

    assert (found.country, found.region, found.city) == place
    assert found.time_zone == "Europe/Ljubljana"


def test_a_traveller_stays_at_home(knowing_face: Face) -> None:
    site = knowing_face.site(knowing_face.account())
    unplaced = registered(knowing_face, site, 21, UNMAPPED, timezone="Europe/London")
    assert (unplaced.country, unplaced.region, unplaced.city) == ("GB", None, None)

    abroad = registered(knowing_face, site, 21, BELGRADE)
    assert (abroad.country, abroad.region, abroad.city) == ("GB", None, None)
    placed = registered(knowing_face, site, 21, LONDON)
    assert (placed.country, placed.region, placed.city) == ("GB", "6269131", "2643743")


def test_a_region_that_was_found_can_be_targeted(knowing_face: Face) -> None:
    account = knowing_face.account()
    registered(knowing_face, knowing_face.site(account), 22, LONDON)

    answer = knowing_face.call(
        "GET", "/v1/hood/dictionaries/regions", token=knowing_face.token(account)
    )

    assert "6269131" in answer.body.decode()


def test_nobody_but_a_proxy_says_where_a_request_comes_from(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    url = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'tocsin.db')}"
    path = geoip_files.write(tmp_path / "City.mmdb")
    with serving(tmp_path, url, geoip_database=path, trusted_proxies=("10.0.0.0/8",)) as face:
        found = registered(face, face.site(face.account()), 23, LONDON)

    assert (found.country, found.region, found.city) == (None, None, None)


def test_a_new_geoip_database_is_taken_up_and_a_bad_one_is_told(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    url = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'tocsin.db')}"
    path = geoip_files.write(tmp_path / "City.mmdb")
    with serving(tmp_path, url, geoip_database=path) as face:
        site = face.site(face.account())
        newer = {f"{LONDON}/32": geoip_files.record("IE", 7, 8)}
        geoip_files.write(tmp_path / "new.mmdb", newer).replace(path)
        face.clock.forward(LOOK_EVERY_MS)
        assert registered(face, site, 24, LONDON).city == "8"

        path.write_bytes(b"not a database")
        face.clock.forward(LOOK_EVERY_MS)
        assert registered(face, site, 25, LONDON).city == "8"
        told = face.program.telemetry.exposition({}).decode()
    assert 'tocsin_events_total{event="geoip_refused"} 1.0' in told


@pytest.mark.parametrize(
    ("header", "language"),
    [("de;q=0.5, hu", "hu"), ("*, tlh;q=0.9, sr-Latn;q=0.2", "sr-Latn"), ("de;q=0", None)],
)
def test_the_language_that_a_browser_asks_for(
    sqlite_face: Face, header: str, language: str | None
) -> None:
    site = sqlite_face.site(sqlite_face.account())

    def ask(number: int, **body: Any) -> Answer:
        return sqlite_face.call(
            "POST",
            f"/v1/edge/{site.key}/subscriptions",
            {"subscription": subscription(number)} | body,
            headers={"Origin": ORIGIN, "Accept-Language": header},
        )

    assert stored(sqlite_face, site, ask(26)).attributes.language == language
    assert stored(sqlite_face, site, ask(27, language="en")).attributes.language == "en"
    assert stored(sqlite_face, site, ask(28, language=None)).attributes.language is None


def test_a_moved_subscription_is_the_same_person(face: Face, site: Container) -> None:
    first = face.register(site, 3)

    moved = face.register(site, 4, previous_endpoint=subscription(3)["endpoint"])

    assert (moved.status, moved.json) == (200, first.json)
    assert stored(face, site, moved).subscription.endpoint == subscription(4)["endpoint"]


@pytest.mark.parametrize("origin", [None, "", "null", ELSEWHERE, "http://www.example.com"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_other_pages_may_not(sqlite_face: Face, method: str, origin: str | None) -> None:
    site = sqlite_face.site(sqlite_face.account())
    mine = sqlite_face.register(site, 5)
    path = f"/v1/edge/{site.key}/subscriptions"

    answer = sqlite_face.call(
        method,
        path if method == "POST" else f"{path}/{mine.json['id']}",
        {"subscription": subscription(6)} if method == "POST" else {"language": "en"},
        headers={} if origin is None else {"Origin": origin},
        token=mine.json["secret"],
    )

    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert stored(sqlite_face, site, mine).active
    assert stored(sqlite_face, site, mine).attributes.language is None


@pytest.mark.parametrize(
    ("body", "status", "complaints"),
    [
        ({}, 400, ["subscription"]),
        ({"subscription": subscription(7), "lang": "en"}, 400, ["lang"]),
        ({"subscription": subscription(7), "country": "CA"}, 400, ["country"]),
        ({"subscription": subscription(7), "timezone": "Mars Base"}, 400, ["timezone"]),
        (
            {"subscription": subscription(7) | {"endpoint": "https://10.0.0.1/x"}},
            400,
            ["subscription.endpoint"],
        ),
        (
            {"subscription": {"endpoint": "https://fcm.googleapis.com/x", "keys": {}}},
            400,
            ["subscription.keys.p256dh", "subscription.keys.auth"],
        ),
        (b"{", 400, []),
        (b" " * 20_000, 413, []),
    ],
)
def test_the_page_can_read_why_it_was_refused(
    sqlite_face: Face, body: Any, status: int, complaints: list[str]
) -> None:
    site = sqlite_face.site(sqlite_face.account())

    answer = sqlite_face.call(
        "POST",
        f"/v1/edge/{site.key}/subscriptions",
        body,
        headers={"Origin": ORIGIN, "Content-Type": "application/json"},
    )

    assert answer.status == status
    assert errors(answer) == complaints
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [ORIGIN]
    assert answer.headers.get_all("Vary") == ["Origin"]


def test_the_page_can_read_that_we_failed(tmp_path: Path, migrated_sqlite: Path) -> None:
    path = tmp_path / "tocsin.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    with serving(tmp_path, f"sqlite:///{path}") as face:
        site = face.site(face.account())
        with face.program.database.write() as connection:
            connection.exec_driver_sql("DROP TABLE audience_change")

        answer = face.register(site, 1)

        assert answer.status == 500
        assert "message" not in answer.json
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        with face.program.database.read() as connection:
            assert connection.execute(select(tables.subscriber)).all() == []


@pytest.mark.parametrize("path", ["subscriptions", "subscriptions/1"])
def test_a_preflight_is_answered_for_the_sites_own_pages(sqlite_face: Face, path: str) -> None:
    site = sqlite_face.site(sqlite_face.account())

    def ask(origin: str) -> Answer:
        return sqlite_face.call(
            "OPTIONS",
            f"/v1/edge/{site.key}/{path}",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )

    own, other = ask(ORIGIN), ask(ELSEWHERE)
    assert (own.status, own.body) == (204, b"")
    assert own.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in own.headers["Access-Control-Allow-Methods"]
    assert own.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "Access-Control-Allow-Credentials" not in own.headers
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize("key", ["nobody", "%00", "a%00b", "%FF", "x" * 3000, "..%2f"])
def test_a_key_that_is_none_leads_nowhere(face: Face, key: str) -> None:
    for method, path in (
        ("POST", f"/v1/edge/{key}/subscriptions"),
        ("OPTIONS", f"/v1/edge/{key}/subscriptions"),
        ("GET", f"/v1/edge/{key}/config"),
        ("GET", f"/tag/{key}.js"),
    ):
        assert face.call(method, path, headers={"Origin": ORIGIN}).status == 404


def test_a_person_changes_and_ends_what_is_theirs(face: Face, site: Container) -> None:
    mine, other = face.register(site, 8, user_data={"a": 1, "b": 2}), face.register(site, 9)
    path = f"/v1/edge/{site.key}/subscriptions/{mine.json['id']}"

    def act(method: str, secret: str | None, body: Any = None) -> Answer:
        return face.call(method, path, body, headers={"Origin": ORIGIN}, token=secret)

    for secret in (None, "x", other.json["secret"]):
        for method in ("PATCH", "DELETE"):
            answer = act(method, secret, {"language": "en"})
            assert answer.status == 401
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    secret = mine.json["secret"]
    answer = act("PATCH", secret, {"language": "fr", "user_data": {"a": None}})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    found = stored(face, site, mine)
    assert (found.attributes.language, found.attributes.user_data) == ("fr", {"b": 2})
    assert errors(act("PATCH", secret, {"subscription": {}, "languag": "x"})) == [
        "subscription",
        "languag",
    ]

    assert act("DELETE", secret).status == 204
    assert not stored(face, site, mine).active
    assert act("DELETE", secret).status == 204
    assert stored(face, site, other).active


@pytest.mark.parametrize(
    "name", ["0", "x", "-1", str(2**64), "0" * 30 + "9" * 30, "9" * 5000, "%00", "%D9%A1"]
)
def test_an_id_that_is_none_is_absent(face: Face, site: Container, name: str) -> None:
    secret = face.program.keyring.subscriber_secret(0)

    for method in ("PATCH", "DELETE"):
        answer = face.call(
            method,
            f"/v1/edge/{site.key}/subscriptions/{name}",
            {},
            headers={"Origin": ORIGIN},
            token=secret,
        )
        assert answer.status == 404


def test_registrations_at_once_share_commits(face: Face, site: Container) -> None:
    commits: list[object] = []
    engine = face.program.database.engine

    def count(connection: Any) -> None:
        if connection.get_execution_options().get("tocsin_writes"):
            commits.append(connection)

    bodies = {number: {"subscription": subscription(number)} for number in range(1000, 1200)}
    barrier = threading.Barrier(20, timeout=30)

    def register(number: int) -> Answer:
        if number < 1020:
            barrier.wait()
        return face.call(
            "POST",
            f"/v1/edge/{site.key}/subscriptions",
            bodies[number],
            headers={"Origin": ORIGIN},
        )

    sqlalchemy_event.listen(engine, "commit", count)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(register, bodies))
    sqlalchemy_event.remove(engine, "commit", count)

    assert [answer.status for answer in answers] == [201] * 200
    assert len(commits) < 100
    ids = {int(answer.json["id"]) for answer in answers}
    with face.program.store.read() as unit:
        assert {
            one.id for one in unit.subscribers.seen(Scope(site.root_id, site.account_id), ids)
        } == ids


def test_nobody_is_lost_for_what_the_tag_adds(face: Face) -> None:
    """A long address of an ad, a host that is a number, a time zone newer than the tzdata here."""
    site = face.site(face.account(), ORIGIN, "http://[::1]:8000")
    path = f"/v1/edge/{site.key}/subscriptions"

    long = face.register(site, 40, page=f"{ORIGIN}/?ad={'x' * 4000}", timezone="America/Coyhaique2")
    local = face.call(
        "POST",
        path,
        {"subscription": subscription(41), "page": "http://[::1]:8000", "timezone": "Asia/Tokyo"},
        headers={"Origin": "http://[::1]:8000"},
    )
    moved = face.call(
        "PATCH",
        f"{path}/{local.json['id']}",
        {"timezone": "America/Coyhaique2"},
        headers={"Origin": ORIGIN},
        token=local.json["secret"],
    )

    assert (long.status, local.status, moved.status) == (201, 201, 204)
    assert stored(face, site, long).attributes.host == "www.example.com"
    assert stored(face, site, long).attributes.time_zone is None
    assert stored(face, site, local).attributes.host == "::1"
    assert stored(face, site, local).attributes.time_zone is None
