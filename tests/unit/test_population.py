"""The made-up audience of bench/: the same for a seed, good to the last line, and drawn."""

import importlib
import json
import sys
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tocsin.domain.registration import read_registration
from tocsin.domain.targeting import SUBSCRIBED_AGE, read_targeting
from tocsin.domain.targeting_items import ATTRIBUTES
from tocsin.webpush.encryption import check_subscription_keys
from tocsin.webpush.endpoint import PushHosts, parse

sys.path.append(str(Path(__file__).parents[2] / "bench"))
population = importlib.import_module("population")
query_shapes = importlib.import_module("query_shapes")
audience_picture = importlib.import_module("audience_picture")

COUNT = 2_000
CONTAINERS = [str(number) for number in range(1, 13)]
UNTIL = date(2026, 12, 1)
PLACE = ("country", "region", "city", "language", "timezone", "user_data", "status")


@pytest.fixture(scope="module")
def people() -> Any:
    return population.Population(1, CONTAINERS, UNTIL)


@pytest.fixture(scope="module")
def lines(people: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in people.lines(range(COUNT))]


@pytest.fixture(scope="module")
def named() -> Any:
    ids = [str(number) for number in range(query_shapes.MANY)]
    segments = {name: str(number) for number, name in enumerate(query_shapes.SEGMENTS, 1)}
    return query_shapes.Named(
        accounts=["1", "2", "3"],
        containers=CONTAINERS,
        groups={"large": "1", "small": "2"},
        application_groups={"games": "1", "help": "2"},
        segments=segments,
        users=ids,
        remote_users=ids,
    )


def test_a_seed_makes_the_same_people_in_whatever_order_they_are_asked_for(people: Any) -> None:
    again = population.Population(1, CONTAINERS, UNTIL)
    backwards = [*again.lines(range(99, -1, -1))][::-1]

    assert [*people.lines(range(100))] == backwards
    other = population.Population(2, CONTAINERS, UNTIL)
    assert not {*endpoints(people)} & {*endpoints(other)}


def endpoints(of: Any) -> list[str]:
    return [json.loads(line)["subscription"]["endpoint"] for line in of.lines(range(100))]


def test_a_revision_changes_what_changes_of_people_and_not_who_they_are(
    people: Any, lines: list[dict[str, Any]]
) -> None:
    later = [json.loads(line) for line in people.lines(range(COUNT), revision=1)]

    for before, after in zip(lines, later, strict=True):
        assert {name: value for name, value in before.items() if name not in PLACE} == {
            name: value for name, value in after.items() if name not in PLACE
        }
    assert sum(before == after for before, after in zip(lines, later, strict=True)) < COUNT / 100


def test_every_line_is_one_that_an_import_takes(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        read = read_registration(line, source="import")
        parse(read.endpoint, PushHosts())
        check_subscription_keys(read.p256dh, read.auth)

    assert len({line["subscription"]["endpoint"] for line in lines}) == COUNT
    assert {line["container"] for line in lines} == {*CONTAINERS}


def test_attributes_are_skewed_and_here_and_there_unknown(lines: list[dict[str, Any]]) -> None:
    countries = [line["country"] for line in lines if "country" in line]
    unsubscribed = sum(line.get("status") == "unsubscribed" for line in lines)

    assert countries.count("US") > COUNT / 10
    assert len({*countries}) > 100
    assert 0.02 < unsubscribed / COUNT < 0.06
    for name in ("country", "region", "city", "language", "timezone", "browser", "remote_user_id"):
        assert 0 < sum(name not in line for line in lines) < COUNT / 2


def test_remote_users_are_those_of_the_lines(people: Any, lines: list[dict[str, Any]]) -> None:
    told = [line["remote_user_id"] for line in lines if "remote_user_id" in line]

    assert [*people.remote_users(range(COUNT))] == told
    assert len({*told}) == len(told)


def test_every_targeting_can_be_read(named: Any) -> None:
    bodies = [
        *query_shapes.shapes(named).values(),
        *query_shapes.everything(named),
        *(body for _, body in chain.from_iterable(query_shapes.growing(named).values())),
        *(query_shapes.segment_body(one, named.segments) for one in query_shapes.SEGMENTS.values()),
    ]

    assert [read_targeting(body)[1] for body in bodies] == [[]] * len(bodies)


def test_the_last_shape_has_every_criterion(named: Any) -> None:
    nine = list(query_shapes.shapes(named).values())[8]

    assert {*nine} == {*ATTRIBUTES, SUBSCRIBED_AGE, "user_data"}
    assert len(nine["users"]["items"]) == len(nine["remote_users"]["items"]) == 10_000


def test_a_law_is_found_from_the_points_that_follow_it() -> None:
    law = audience_picture.Law.of([(n, 3 + 2e-5 * n) for n in (1e5, 1e6, 5e6)])

    assert law.constant == pytest.approx(3)
    assert law.at(1e9) == pytest.approx(20_003)


@pytest.mark.parametrize("cost", [0.013, 0.017, 20.0])
def test_one_point_makes_a_law_of_shares_alone(cost: float) -> None:
    law = audience_picture.Law.of([(1e5, cost)])

    assert law.constant == 0
    assert law.at(1e9) == pytest.approx(1e4 * cost)


def test_the_picture_is_drawn_from_the_newest_runs() -> None:
    shown = "\n".join(audience_picture.picture(audience_picture.Runs(runs(stale_ms=1e5))))

    assert shown == "\n".join(audience_picture.picture(audience_picture.Runs(runs(stale_ms=7.0))))
    assert ET.fromstring(shown).tag.endswith("svg")  # noqa: S314 - made above
    assert "slowest shape: 20.0 s on one core, 500 ms on 40 cores" in shown
    assert "every shard in memory: 93 GiB" in shown
    assert "3 machines" in shown


def runs(*, stale_ms: float) -> list[dict[str, Any]]:
    """Return what the stages wrote for two sizes, and an older run of one of them."""
    series = {"1": 1.0, "10": 2.0, "100": 5.0}
    growth = dict.fromkeys(("criteria", "users", "remote_users", "countries"), series)
    found = []
    for count, ms in ((1_000_000, stale_ms), (1_000_000, 20.0), (5_000_000, 100.0)):
        stages = {
            "make": {"until the index is true": {"per second": 15_000.0}},
            "size": {"all": {"bytes per subscriber": 900.0}},
            "reach": {"1 one": {"p95": ms}, "memory": {"bytes per subscriber": 100.0}},
            "growth": growth,
            "first-parcel": {"everyone": {"p50": ms / 2}},
        }
        found += [
            {"stage": stage, "database": "sqlite", "subscribers": count, "rows": rows}
            for stage, rows in stages.items()
        ]
    return found
