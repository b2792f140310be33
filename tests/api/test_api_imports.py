"""Subscribers as lines of JSON: in, out, and in again."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from face import Face, subscription

from doubles import FakeClock, SeededEntropy
from tocsin.cli.main import tocsin
from tocsin.domain.account import Account, Scope
from tocsin.domain.container import Container
from tocsin.domain.errors import Unavailable
from tocsin.settings import Settings
from tocsin.web.imports import LONGEST_LINE_BYTES, export_line, import_lines
from tocsin.wiring import Program

RICH: Final[dict[str, Any]] = {
    "application": "Shop.example.com",
    "country": "rs",
    "region": "792680",
    "city": 792680,
    "language": "sr",
    "timezone": "Europe/Belgrade",
    "browser": "Chrome",
    "os": "12",
    "remote_user_id": "žika \u2028",
    "user_data": {"plan": "gold", "tags": ["a", 1, True], "n": 2.5},
    "subscribed_at": "2020-01-02 03:04:05",
    "last_seen": "2026-02-05T12:00:00+01:00",
    "status": "unsubscribed",
}


@pytest.fixture
def owner(face: Face) -> Account:
    """Return a new tenant."""
    return face.account()


@pytest.fixture
def site(face: Face, owner: Account) -> Container:
    """Return its site."""
    return face.site(owner)


def line(site: Container, number: int, **more: Any) -> bytes:
    return json.dumps({"container": site.key, "subscription": subscription(number)} | more).encode()


def take(face: Face, owner: Account, lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return list(
        import_lines(
            lines,
            owner.scope,
            subscribers=face.program.subscribers,
            containers=face.program.containers,
        )
    )


def people(face: Face, owner: Account) -> list[dict[str, Any]]:
    return [
        json.loads(export_line(one, keys=True))
        for one in face.program.subscribers.export(owner.scope)
    ]


def test_an_import_says_of_each_line_what_became_of_it(
    face: Face, owner: Account, site: Container
) -> None:
    stranger = face.site(face.account())
    lines = [
        line(site, 1),
        b"\n",
        line(site, 2, **RICH),
        b"{",
        line(site, 1, language="en"),
        line(site, 3, country="CAN"),
        line(site, 4, container=str(site.id)),
        line(stranger, 5),
        line(site, 6, container=None),
        line(site, 7, subscription=subscription(7) | {"endpoint": "https://evil.example/"}),
        line(site, 8, countri="CA", status="gone"),
        b"\xff",
        b'{"x":"' + b"x" * LONGEST_LINE_BYTES + b'"}',
        b"  " + line(site, 9) + b" \r\n",
    ]

    results = take(face, owner, lines)

    assert [result["line"] for result in results] == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    by_line = {result["line"]: result for result in results}
    taken = {number for number, one in by_line.items() if one["status"] != "error"}
    assert taken == {1, 3, 5, 7, 14}
    assert by_line[5] == {"line": 5, "status": "updated", "id": by_line[1]["id"]}
    sentences = {
        4: "not JSON",
        6: "country: takes an ISO 3166-1 alpha-2 code",
        8: f"there is no container {stranger.key}",
        9: "container: is required",
        10: "subscription.endpoint: evil.example port 443 is not a known push service",
        11: "countri: is not known here; did you mean country? (and 1 more fault)",
        12: "not UTF-8",
        13: "longer than 65536 bytes",
    }
    for number, sentence in sentences.items():
        assert sentence in by_line[number]["message"]
    assert len(people(face, owner)) == 4
    assert face.program.indexing.is_true()


def test_a_line_brings_what_the_edge_would_derive(
    face: Face, owner: Account, site: Container
) -> None:
    take(face, owner, [line(site, 1, **RICH)])

    found = people(face, owner)[0]

    del found["id"]
    assert found == {
        "subscription": subscription(1),
        "container": str(site.id),
        **RICH,
        "application": "shop.example.com",
        "country": "RS",
        "city": "792680",
        "browser": "12",
        "subscribed_at": "2020-01-02T03:04:05Z",
        "last_seen": "2026-02-05T11:00:00Z",
    }


def test_a_container_is_installed_by_a_browser_and_by_no_import(
    face: Face, owner: Account, site: Container
) -> None:
    take(face, owner, [line(site, 1)])
    assert face.program.containers.by_key(site.key).first_event_ms is None

    face.register(site, 1)
    assert face.program.containers.by_key(site.key).first_event_ms == face.clock.now_ms()


def test_an_export_with_keys_imports_again_to_the_same_people(
    face: Face, owner: Account, site: Container
) -> None:
    take(face, owner, [line(site, n, **(RICH if n % 2 else {})) for n in range(5)])
    before = people(face, owner)

    again = take(face, owner, [json.dumps(one).encode() for one in before])

    assert [(result["status"], result["id"]) for result in again] == [
        ("updated", one["id"]) for one in before
    ]
    assert people(face, owner) == before

    elsewhere = face.account()
    twin = face.site(elsewhere)
    take(
        face,
        elsewhere,
        [json.dumps(one | {"container": twin.key}).encode() for one in before],
    )
    ignored = {"id": None, "container": None}
    assert [one | ignored for one in people(face, elsewhere)] == [one | ignored for one in before]


def test_an_export_without_keys_betrays_none(face: Face, owner: Account, site: Container) -> None:
    take(face, owner, [line(site, 1)])
    one = next(face.program.subscribers.export(owner.scope))

    text = export_line(one, keys=False)

    keys = subscription(1)["keys"]
    assert isinstance(keys, dict)
    for secret in (subscription(1)["endpoint"], *keys.values()):
        assert str(secret) not in text
    assert take(face, owner, [text.encode()])[0]["status"] == "error"


def test_a_long_import_is_taken_in_groups(face: Face, owner: Account, site: Container) -> None:
    """What was yielded is on the disk: whoever stops reading there loses nothing of it."""
    lines = [line(site, n) for n in range(1001)] + [line(site, 0)]
    results = import_lines(
        iter(lines),
        owner.scope,
        subscribers=face.program.subscribers,
        containers=face.program.containers,
    )

    first = next(results)

    assert first["status"] == "created"
    assert len(people(face, owner)) == 1000
    assert [result["status"] for result in results][-2:] == ["created", "updated"]
    assert len(people(face, owner)) == 1001


@pytest.mark.parametrize("limit", ["lines", "bytes"])
def test_a_group_has_a_size_and_blank_lines_have_none(
    face: Face, owner: Account, site: Container, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    lines = [b"\n", *(line(site, n) for n in range(5)), b" \t\r\n", b"", *(line(site, 9),) * 2]
    if limit == "bytes":
        monkeypatch.setattr("tocsin.web.imports.GROUP_BYTES", sum(map(len, lines[1:4])))
    results = import_lines(
        iter(lines),
        owner.scope,
        subscribers=face.program.subscribers,
        containers=face.program.containers,
        at_once=3 if limit == "lines" else 100,
    )

    first = next(results)

    assert first["line"] == 2
    assert len(people(face, owner)) == 3
    assert [result["line"] for result in results] == [3, 4, 5, 6, 9, 10]
    assert len(people(face, owner)) == 6


def run(data: Path, url: str, *arguments: str) -> Result:
    """Return what a command says; both streams are apart in it."""
    settings = {"TOCSIN_DATA": str(data), "TOCSIN_DATABASE_URL": url}
    return CliRunner(env=settings).invoke(tocsin, arguments)


def test_the_commands_import_and_export(tmp_path: Path, migrated_url: str) -> None:
    program = Program(Settings(data=tmp_path, database_url=migrated_url))
    program.clock = FakeClock()  # type: ignore[assignment]  # what a service asks of a clock
    program.entropy = SeededEntropy()  # type: ignore[assignment]  # and of entropy
    owner = program.accounts.create("main")
    site = program.containers.create(owner.scope, name="site", origins=["https://www.example.com"])
    program.close()
    file, out = tmp_path / "people.ndjson", tmp_path / "out.ndjson"
    file.write_bytes(b"\n".join([line(site, 1, **RICH), b"nonsense", line(site, 2)]) + b"\n")

    imported = run(tmp_path, migrated_url, "subscribers", "import", "--account", "main", str(file))

    assert imported.exit_code == 1
    assert "2 created, 0 updated, 1 refused" in imported.stdout
    assert "line 2: the line is not JSON" in imported.stderr
    exported = run(
        tmp_path, migrated_url, "subscribers", "export", "--account", "main", "--keys", str(out)
    )
    assert exported.exit_code == 0
    assert "2 subscribers written" in exported.stderr
    again = run(
        tmp_path, migrated_url, "subscribers", "import", "--account", str(owner.id), str(out)
    )
    assert again.exit_code == 0
    assert "0 created, 2 updated, 0 refused" in again.stdout
    assert out.read_text("utf-8").count("\n") == 2


class AwayContainers:
    """Containers in a database that is away."""

    def find(self, scope: Scope, name: str) -> Container:
        raise Unavailable(f"cannot look for {name} of {scope}")


def test_a_database_that_is_away_is_no_fault_of_the_line(face: Face) -> None:
    owner = face.account()
    line = json.dumps({"subscription": subscription(1), "container": "1"}).encode()

    results = import_lines(
        [line],
        owner.scope,
        subscribers=face.program.subscribers,
        containers=AwayContainers(),
    )

    with pytest.raises(Unavailable):
        list(results)
