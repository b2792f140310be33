from typing import Any

import pytest

from tocsin.domain.targeting import (
    Criterion,
    Fact,
    Targeting,
    matches,
    read_targeting,
    targeting_json,
    unknown_excluded,
)


def _include(*items: Any) -> dict[str, Any]:
    return {"op": "include", "items": list(items)}


def _exclude(*items: Any) -> dict[str, Any]:
    return {"op": "exclude", "items": list(items)}


def _read(value: object) -> Targeting:
    targeting, faults = read_targeting(value)
    assert faults == []
    return targeting


@pytest.mark.parametrize(
    ("value", "criteria"),
    [
        pytest.param(None, (), id="null"),
        pytest.param({}, (), id="empty"),
        pytest.param({"countries": None, "regions": None}, (), id="null criteria"),
        pytest.param(
            {"os": _exclude("4"), "countries": _include("CA", "rs")},
            (Criterion("os", "exclude", ("4",)), Criterion("countries", "include", ("CA", "rs"))),
            id="order and spelling of the body",
        ),
        pytest.param(
            {"browsers": {"items": [12], "op": "eq"}},
            (Criterion("browsers", "include", ("12",)),),
            id="a JSON number, and eq",
        ),
        pytest.param(
            {"languages": {"items": ["pt", "pt-BR"], "op": "neq"}},
            (Criterion("languages", "exclude", ("pt", "pt-BR")),),
            id="neq",
        ),
        pytest.param(
            {"users": _include("16601317995517219702", "0")},
            (Criterion("users", "include", ("16601317995517219702", "0")),),
            id="users of 64 bits",
        ),
        pytest.param(
            {"applications": _include("www.example.com", "*.Example.com", "com.example.my_app")},
            (
                Criterion(
                    "applications",
                    "include",
                    ("www.example.com", "*.Example.com", "com.example.my_app"),
                ),
            ),
            id="host, wildcard and bundle name",
        ),
        pytest.param(
            {"browsers": _include("99")},
            (Criterion("browsers", "include", ("99",)),),
            id="an unknown id may be included",
        ),
    ],
)
def test_what_is_read(value: object, criteria: tuple[Criterion, ...]) -> None:
    assert _read(value) == Targeting(criteria)


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        pytest.param([], {"targeting": "must be an object"}, id="an array"),
        pytest.param(
            {"countrys": _include("CA")},
            {"targeting.countrys": "is not known here; the nearest is countries"},
            id="a typo names the nearest",
        ),
        pytest.param(
            {"countrys": None},
            {"targeting.countrys": "is not known here; the nearest is countries"},
            id="a typo is refused even as null",
        ),
        pytest.param(
            {"segments": _include("1"), "user_data": {}},
            {
                "targeting.segments": "is not supported yet by this version of Tocsin",
                "targeting.user_data": "is not supported yet by this version of Tocsin",
            },
            id="known but not there yet",
        ),
        pytest.param(
            {"os": "4"},
            {"targeting.os": 'must be an object such as {"op": "include", "items": ["…"]}'},
            id="a bare value",
        ),
        pytest.param(
            {"os": {}},
            {
                "targeting.os.op": "is required: include or exclude",
                "targeting.os.items": "is required",
            },
            id="an empty criterion",
        ),
        pytest.param(
            {"os": {"op": "Include", "items": "4", "itmes": []}},
            {
                "targeting.os.itmes": "is not known here; the nearest is items",
                "targeting.os.op": "must be include or exclude",
                "targeting.os.items": "must be an array",
            },
            id="every fault at once",
        ),
        pytest.param(
            {"os": _include()},
            {"targeting.os.items": "has 0 items; it must have 1 to 100"},
            id="an empty include",
        ),
        pytest.param(
            {"languages": _exclude()},
            {"targeting.languages.items": "has 0 items; it must have 1 to 100"},
            id="an empty exclude",
        ),
        pytest.param(
            {"os": _include(*range(101))},
            {"targeting.os.items": "has 101 items; it must have 1 to 100"},
            id="too many",
        ),
        pytest.param(
            {"countries": _include(*["CA"] * 271)},
            {"targeting.countries.items": "has 271 items; it must have 1 to 270"},
            id="too many countries",
        ),
        pytest.param(
            {"users": _include(*range(10_001))},
            {"targeting.users.items": "has 10001 items; it must have 1 to 10000"},
            id="too many users",
        ),
        pytest.param(
            {"countries": _include("CAN", "ZZ", "CA", "ca", 7)},
            {
                "targeting.countries.items.0": "must be a country code of two letters "
                "(ISO 3166-1 alpha-2), such as CA",
                "targeting.countries.items.1": "is no country of ISO 3166-1",
                "targeting.countries.items.3": "is the same as item 2",
                "targeting.countries.items.4": "must be text",
            },
            id="countries",
        ),
        pytest.param(
            {"languages": _include("xx", "pt-BR", "PT-br")},
            {
                "targeting.languages.items.0": "must be a language of ISO 639-1, such as pt, "
                "or a BCP 47 tag of one, such as pt-BR",
                "targeting.languages.items.2": "is the same as item 1",
            },
            id="languages",
        ),
        pytest.param(
            {"browsers": _include("12", 12, True, 1.5, None)},
            {
                "targeting.browsers.items.1": "is the same as item 0",
                "targeting.browsers.items.2": "must be text",
                "targeting.browsers.items.3": "must be text",
                "targeting.browsers.items.4": "must be text",
            },
            id="ids",
        ),
        pytest.param(
            {"browsers": _exclude("12", "99"), "os": _exclude(100)},
            {
                "targeting.browsers.items.1": "99 is not known: it would exclude nobody",
                "targeting.os.items.0": "100 is not known: it would exclude nobody",
            },
            id="unknown ids may not be excluded",
        ),
    ],
)
def test_what_is_refused(value: object, faults: dict[str, str]) -> None:
    assert {fault.field: fault.message for fault in read_targeting(value)[1]} == faults


@pytest.mark.parametrize(
    "item", ["18446744073709551616", "-1", "007", "", " 1", "1e3", "\u0661", 2**64]
)
def test_what_is_no_id(item: object) -> None:
    _, faults = read_targeting({"users": _include(item)})

    assert [fault.field for fault in faults] == ["targeting.users.items.0"]


@pytest.mark.parametrize(
    "item",
    [
        "*",
        "*.",
        "a*.example.com",
        "*.*.com",
        ".example.com",
        "example.com.",
        "example.com:443",
        "https://example.com",
        "exa mple.com",
        "bücher.example",
        "",
        "a" * 64 + ".com",
        "a." * 127 + "com",
    ],
)
def test_what_is_no_host(item: str) -> None:
    _, faults = read_targeting({"applications": _include(item)})

    assert [fault.field for fault in faults] == ["targeting.applications.items.0"]


def test_the_path_of_the_body_is_in_the_fields() -> None:
    _, faults = read_targeting({"os": {"op": "include", "items": ["x"]}}, "segment.targeting")

    assert [fault.field for fault in faults] == ["segment.targeting.os.items.0"]


def test_a_hostile_body_gets_a_short_answer() -> None:
    _, faults = read_targeting(
        {"users": _include(*["x"] * 10_000), **{f"k{number}": 1 for number in range(1000)}}
    )

    assert len(faults) == 42
    assert faults[-1].message == "has 9980 more faults like these"


def test_targeting_is_shown_as_it_was_given() -> None:
    value = {"languages": _include("PT-br"), "applications": _exclude("*.Example.com")}

    assert targeting_json(_read(value)) == value
    assert list(targeting_json(_read(value))) == ["languages", "applications"]


_BRAZILIAN = {("languages", "pt-br"), ("languages", "pt")}
_ON_A_HOST = {
    ("applications", "a.b.com"),
    ("applications", "*.b.com"),
    ("applications", "*.com"),
}


@pytest.mark.parametrize(
    ("value", "facts", "meant"),
    [
        pytest.param({}, set(), True, id="no criteria mean everyone"),
        pytest.param({"countries": _include("ca")}, {("countries", "CA")}, True, id="has it"),
        pytest.param(
            {"countries": _include("RS", "CA")}, {("countries", "CA")}, True, id="has one of them"
        ),
        pytest.param({"countries": _include("RS")}, {("countries", "CA")}, False, id="has another"),
        pytest.param({"countries": _include("RS")}, set(), False, id="missing fails an include"),
        pytest.param({"countries": _exclude("RS")}, set(), True, id="missing passes an exclude"),
        pytest.param({"countries": _exclude("RS")}, {("countries", "CA")}, True, id="has none"),
        pytest.param(
            {"countries": _exclude("RS", "CA")}, {("countries", "CA")}, False, id="has an excluded"
        ),
        pytest.param(
            {"countries": _include("CA"), "os": _include("4")},
            {("countries", "CA")},
            False,
            id="all must hold",
        ),
        pytest.param({"languages": _include("pt")}, _BRAZILIAN, True, id="pt matches pt-BR"),
        pytest.param({"languages": _include("PT-br")}, _BRAZILIAN, True, id="pt-BR matches itself"),
        pytest.param(
            {"languages": _include("pt-BR")}, {("languages", "pt")}, False, id="pt-BR and not pt"
        ),
        pytest.param({"languages": _exclude("pt")}, _BRAZILIAN, False, id="range excluded"),
        pytest.param({"applications": _include("*.b.com")}, _ON_A_HOST, True, id="wildcard"),
        pytest.param({"applications": _include("*.COM")}, _ON_A_HOST, True, id="any depth"),
        pytest.param({"applications": _include("*.a.b.com")}, _ON_A_HOST, False, id="not itself"),
        pytest.param({"applications": _include("A.B.com")}, _ON_A_HOST, True, id="case of hosts"),
        pytest.param({"users": _include("7", "8")}, set(), True, id="named user"),
        pytest.param({"users": _include("8")}, set(), False, id="another user"),
        pytest.param({"users": _exclude("7")}, set(), False, id="excluded user"),
        pytest.param({"users": _exclude("8")}, set(), True, id="user not excluded"),
    ],
)
def test_matches(value: object, facts: set[Fact], meant: bool) -> None:
    assert matches(_read(value), frozenset(facts), "7") is meant


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        pytest.param({"applications": _exclude("A.b.com")}, [], id="known"),
        pytest.param({"applications": _exclude("*.b.com")}, [], id="above a known one"),
        pytest.param({"applications": _include("c.com")}, [], id="an include is open"),
        pytest.param({"countries": _exclude("CA")}, [], id="another attribute"),
        pytest.param(
            {"applications": _exclude("a.b.com", "c.com", "*.a.b.com")},
            ["targeting.applications.items.1", "targeting.applications.items.2"],
            id="unknown ones",
        ),
    ],
)
def test_unknown_excluded(value: object, fields: list[str]) -> None:
    faults = unknown_excluded(_read(value), ["a.B.com", "b.org"])

    assert [fault.field for fault in faults] == fields
