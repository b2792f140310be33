"""``/v1/hood/dictionaries/…`` over real HTTP."""

from typing import Any

import pytest
from face import Face, errors
from face import subscription as body

from tocsin.domain.dictionaries import BROWSERS, COUNTRIES, LANGUAGES, OPERATING_SYSTEMS
from tocsin.domain.enrolment import Enrolment
from tocsin.domain.registration import read_registration
from tocsin.services.indexing import Indexing

DICTIONARIES = "/v1/hood/dictionaries"


def entries(face: Face, token: str, name: str, query: str = "") -> list[dict[str, Any]]:
    answer = face.call("GET", f"{DICTIONARIES}/{name}{query}", token=token)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["items"]
    return found


@pytest.mark.parametrize(
    ("name", "known", "some"),
    [
        ("browsers", {str(key): name for key, name in BROWSERS.items()}, ("12", "Chrome")),
        ("os", {str(key): name for key, name in OPERATING_SYSTEMS.items()}, ("4", "macOS")),
        ("countries", COUNTRIES, ("CA", "Canada")),
        ("languages", LANGUAGES, ("pt", "Portuguese")),
    ],
)
def test_a_dictionary_is_whole_and_in_order(
    face: Face, name: str, known: dict[str, str], some: tuple[str, str]
) -> None:
    token = face.token(face.account())

    answer = face.call("GET", f"{DICTIONARIES}/{name}?page=1,500", token=token)

    assert answer.json["total"] == len(known)
    found = {one["id"]: one["name"] for one in answer.json["items"]}
    assert found == dict(known)
    assert some in found.items()
    names = [one["name"].casefold() for one in answer.json["items"]]
    assert names == sorted(names)


def test_pages_names_and_keys(face: Face) -> None:
    token = face.token(face.account())
    every = entries(face, token, "countries", "?page=1,500")

    assert entries(face, token, "countries") == every[:20]
    assert entries(face, token, "countries", "?page=3,7") == every[14:21]
    assert entries(face, token, "countries", "?page=100") == []
    found = face.call("GET", f"{DICTIONARIES}/countries?q=SERB", token=token).json
    assert found == {"total": 1, "items": [{"id": "RS", "name": "Serbia"}]}
    assert entries(face, token, "browsers", "?q=Opera&fields=id") == [{"id": "4"}, {"id": "18"}]


@pytest.mark.parametrize(
    ("path", "status", "complaint"),
    [
        ("planets", 404, None),
        ("%00", 404, None),
        ("browsers/12", 404, None),
        ("os?page=0", 400, "page"),
        ("os?name=x", 400, "name"),
        ("os?fields=x", 400, "fields"),
    ],
)
def test_what_is_not_there(
    sqlite_face: Face, path: str, status: int, complaint: str | None
) -> None:
    token = sqlite_face.token(sqlite_face.account())

    answer = sqlite_face.call("GET", f"{DICTIONARIES}/{path}", token=token)

    assert answer.status == status
    assert errors(answer) == ([complaint] if complaint else [])


def test_regions_are_those_of_the_accounts_active_subscribers(face: Face) -> None:
    owner = face.account()
    child = face.account(owner)
    root_site, child_site = face.site(owner), face.site(child)
    tokens = {one: face.token(one) for one in (owner, child, face.account())}

    def join(site: Any, number: int, region: str | None, status: str = "active") -> None:
        line = {"region": region, "status": status, "subscription": body(number)}
        registration = read_registration(line, source="import")
        face.program.subscribers.register([Enrolment(site, registration, {})])

    def regions(who: Any) -> list[str]:
        found = entries(face, tokens[who], "regions")
        assert all(one["name"] is None for one in found)
        return [one["id"] for one in found]

    join(root_site, 1, "792680")
    join(root_site, 2, None)
    join(root_site, 3, "5", "unsubscribed")
    Indexing(face.program.store).fold()
    join(child_site, 4, "3194360")
    join(root_site, 5, "792680")

    others = [one for one in tokens if one not in (owner, child)]
    for _ in range(2):
        assert regions(owner) == ["792680", "3194360"]
        assert regions(child) == ["3194360"]
        assert regions(others[0]) == []
        Indexing(face.program.store).fold()
