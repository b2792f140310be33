"""Bodies about whom: contract.md section 2.3, every criterion."""

from typing import Any, Final

from task_bodies.rows import Bad, Good, refused

# An item of each criterion that takes items, as the vendor's samples have them.
ITEMS: Final = {
    "accounts": "6197120",
    "application_groups": "1383",
    "applications": "www.ocamba.com",
    "apps": "21050",
    "browsers": "12",
    "countries": "CA",
    "groups": "481",
    "languages": "es",
    "os": "12",
    "regions": "2593109",
    "remote_users": "Nesto Bilo Sta",
    "segments": "2817",
    "users": "123123121312312",
}
OF_IDS: Final = [key for key, item in ITEMS.items() if item.isdigit()]
# An item that names nothing is taken in an exclude of these: they are open, or closed by the code.
OPEN: Final = ("countries", "languages", "remote_users", "users")
OF_NOTHING: Final = {
    "accounts": "999999999",
    "application_groups": "999999999",
    "applications": "wwww.example.com",
    "apps": "999999999",
    "browsers": "9999",
    "groups": "999999999",
    "os": "9999",
    "regions": "999999999",
    "segments": "999999999",
}
MANY: Final = {"countries": 270, "users": 10_000, "remote_users": 10_000}
T: Final = "targeting"


def include(*items: Any) -> dict[str, Any]:
    """Return a criterion that wants one of *items*."""
    return {"op": "include", "items": list(items)}


def exclude(*items: Any) -> dict[str, Any]:
    """Return a criterion that wants none of *items*."""
    return {"op": "exclude", "items": list(items)}


def _rows(path: str, key: str, values: dict[str, Any]) -> list[Good]:
    return [(f"{path}: {name}", {T: {key: value}}, {}) for name, value in values.items()]


def _bad(key: str, words: str, values: dict[str, Any], inside: str = "") -> list[Bad]:
    path = f"{T}.{key}{inside}"
    return [(f"{path}: {name}", {T: {key: sent}}, [path], words) for name, sent in values.items()]


def _item(key: str, words: str, values: dict[str, Any]) -> list[Bad]:
    """Return rows in which the second item of an include is bad."""
    sent = {name: include(ITEMS[key], item) for name, item in values.items()}
    return _bad(key, words, sent, ".items.1")


def _data(**criteria: Any) -> dict[str, Any]:
    return {T: {"user_data": criteria}}


GOOD: Final[list[Good]] = [
    ("targeting null", {T: None}, {}),
    ("targeting empty", {T: {}}, {}),
    ("targeting of nulls", {T: dict.fromkeys([*ITEMS, "subscribed_age", "user_data"])}, {}),
    ("targeting of everything", {T: {key: include(item) for key, item in ITEMS.items()}}, {}),
    *[
        row
        for key, item in ITEMS.items()
        for row in _rows(
            f"{T}.{key}",
            key,
            {
                "include": include(item),
                "eq": {"items": [item], "op": "eq"},
            }
            | (
                {"exclude": exclude(item), "neq": {"items": [item], "op": "neq"}}
                if key in OPEN
                else {}
            ),
        )
    ],
    *[row for key in OF_IDS for row in _rows(f"{T}.{key}", key, {"a number": include(7)})],
    *[row for key in OF_IDS for row in _rows(f"{T}.{key}", key, {"100": include(*range(1, 101))})],
    # The vendor's own examples run on a fresh server: this matches nobody.
    *[
        (f"{T}.{key}: of nothing", {T: {key: include(item)}}, {})
        for key, item in OF_NOTHING.items()
    ],
    *_rows(f"{T}.users", "users", {"the biggest": include("18446744073709551615", "0")}),
    *_rows(f"{T}.users", "users", {"10000": exclude(*map(str, range(10_000)))}),
    *_rows(f"{T}.remote_users", "remote_users", {"10000": include(*map(str, range(10_000)))}),
    *_rows(f"{T}.remote_users", "remote_users", {"letters": include("a", "A", "ž", "😀", " ")}),
    *_rows(
        f"{T}.countries",
        "countries",
        {"in small letters": include("ca", "Rs"), "excluded": exclude("US", "gb")},
    ),
    *_rows(
        f"{T}.languages",
        "languages",
        {"tags": include("pt", "pt-BR", "zh-Hant"), "capitals": exclude("PT-br", "EN")},
    ),
    *_rows(
        f"{T}.applications",
        "applications",
        {
            "a wildcard": include("*.example.com"),
            "a bundle name": include("com.example.my_app"),
            "capitals": include("WWW.Example.com"),
            "100": include(*[f"h{n}.example.com" for n in range(100)]),
        },
    ),
    *_rows(f"{T}.browsers", "browsers", {"known ones excluded": exclude(12, "1")}),
    *_rows(f"{T}.os", "os", {"known ones excluded": exclude(12, "4")}),
    *_rows(
        f"{T}.subscribed_age",
        "subscribed_age",
        {
            "both ends": {"from": 1, "to": 2},
            "as text": {"from": "1", "to": "2"},
            "from alone": {"from": 30},
            "to alone": {"to": "0"},
            "one day": {"from": 7, "to": 7},
            "a null end": {"from": None, "to": 7},
            "ten years": {"to": 3650},
        },
    ),
    ("user_data: empty", _data(), {}),
    ("user_data: null inside", _data(plan=None), {}),
    (
        "user_data: the vendor's",
        _data(a=include("AZ BZ"), b=include("Test"), c=include("Test")),
        {},
    ),
    ("user_data: exclude", _data(plan=exclude("gold")), {}),
    (
        "user_data: eq and neq",
        _data(a={"op": "eq", "items": ["x"]}, b={"op": "neq", "items": ["y"]}),
        {},
    ),
    ("user_data: numbers", _data(n=include(1, 2.5, -3)), {}),
    ("user_data: true and false", _data(b=include(True, False)), {}),
    ("user_data: 100 items", _data(n=include(*range(100))), {}),
    ("user_data: a dotted key", {T: {"user_data": {"a.b": include("x")}}}, {}),
    ("user_data: a key in letters of the world", {T: {"user_data": {"ключ": include("x")}}}, {}),
]

BAD: Final[list[Bad]] = [
    *refused(T, "must be an object", {"text": "everyone", "array": [], "1": 1, "true": True}),
    *_bad("countrys", "the nearest is countries", {"typo": include("CA"), "typo as null": None}),
    *_bad("application", "the nearest is applications", {"typo": include("x")}),
    *_bad("Users", "the nearest is users", {"capitals": include("1")}),
    *_bad("custom_data", "is not known here", {"of another place": {}}),
    *[
        row
        for key, item in ITEMS.items()
        for row in (
            *_bad(key, "", {"an array": [item], "text": item}),
            *_bad(
                key,
                "",
                {"no op": {"items": [item]}, "null op": {"op": None, "items": [item]}},
                ".op",
            ),
            *_bad(key, "include", {"an op unknown": {"op": "only", "items": [item]}}, ".op"),
            *_bad(
                key,
                "",
                {"no items": {"op": "include"}, "items no array": {"op": "eq", "items": item}},
                ".items",
            ),
            *_bad(key, "", {"empty": include(), "an empty exclude": exclude()}, ".items"),
            *_bad(key, "is the same as", {"twice": include(item, item)}, ".items.1"),
            *_bad(key, "the nearest is items", {"typo": {**include(item), "itmes": []}}, ".itmes"),
            *_item(key, "", {"null inside": None, "true inside": True, "array inside": [item]}),
        )
    ],
    *[
        row
        for key in OF_IDS
        for row in (
            *_item(key, "", {"a word": "first", "-1": "-1", "-1 as number": -1, "a float": 1.5}),
            *_item(key, "", {"past 64 bits": "18446744073709551616", "empty text": ""}),
        )
    ],
    *[
        row
        for key in OF_IDS
        for row in _bad(
            key, "", {"one too many": include(*range(MANY.get(key, 100) + 1))}, ".items"
        )
    ],
    *_bad("remote_users", "", {"10001": include(*map(str, range(10_001)))}, ".items"),
    *_bad("applications", "", {"101": include(*[f"h{n}.ex.com" for n in range(101)])}, ".items"),
    *_bad("languages", "", {"101": include(*["es"] * 101)}, ".items"),
    *_bad("countries", "", {"271": include(*["CA"] * 271)}, ".items"),
    *_item(
        "countries",
        "country",
        {"of three letters": "CAN", "none": "ZZ", "empty": "", "US-CA": "US-CA"},
    ),
    *_item("countries", "is the same as", {"the same in small letters": "ca"}),
    *_item("languages", "", {"none": "xx", "in full": "spanish", "empty": "", "POSIX": "en_US"}),
    *_item("languages", "is the same as", {"the same in capitals": "ES"}),
    *_item(
        "applications",
        "",
        {
            "a URL": "https://www.example.com",
            "a path": "www.example.com/a",
            "a blank": "www example.com",
            "empty": "",
            "a star alone": "*",
            "a star inside": "www.*.com",
            "two stars": "*.*.com",
            "long": "x" * 254,
        },
    ),
    *_item("applications", "is the same as", {"the same in capitals": "WWW.ocamba.com"}),
    *_item("remote_users", "", {"empty": ""}),
    *_bad("users", "is the same as", {"a number and its text": include(7, "7")}, ".items.1"),
    *_bad(
        "subscribed_age",
        "",
        {"array": [1, 2], "a number": 7, "empty": {}, "no ends": {"from": None}},
    ),
    *_bad(
        "subscribed_age",
        "",
        {"-1": {"from": -1}, "half": {"from": 0.5}, "true": {"from": True}, "text": {"from": "x"}},
        ".from",
    ),
    *_bad("subscribed_age", "", {"-1": {"to": "-1"}, "a float": {"to": 1.0}}, ".to"),
    *_bad("subscribed_age", "is not known", {"typo": {"from": 1, "till": 2}}, ".till"),
    *_bad("subscribed_age", "is not known", {"an op": {"from": 1, "op": "include"}}, ".op"),
    *_bad("subscribed_age", "", {"backwards": {"from": 2, "to": 1}}),
    *_bad("user_data", "must be an object", {"array": [], "text": "x", "true": True}),
    *_bad(
        "user_data",
        "",
        {"text inside": {"plan": "gold"}, "array inside": {"plan": ["gold"]}},
        ".plan",
    ),
    *_bad("user_data", "", {"no op": {"plan": {"items": ["x"]}}}, ".plan.op"),
    *_bad(
        "user_data",
        "include",
        {"an op unknown": {"plan": {"op": "is", "items": ["x"]}}},
        ".plan.op",
    ),
    *_bad(
        "user_data",
        "",
        {
            "no items": {"plan": {"op": "include"}},
            "empty": {"plan": include()},
            "101": {"plan": include(*range(101))},
        },
        ".plan.items",
    ),
    *_bad(
        "user_data",
        "",
        {
            "null inside": {"plan": include("x", None)},
            "an object inside": {"plan": include("x", {})},
            "an array inside": {"plan": include("x", ["y"])},
        },
        ".plan.items.1",
    ),
    *_bad("user_data", "is the same as", {"twice": {"plan": include("x", "x")}}, ".plan.items.1"),
    *_bad(
        "user_data",
        "is the same as",
        {"a number and its text": {"n": include(1, "1")}},
        ".n.items.1",
    ),
    *_bad(
        "user_data", "is not known", {"typo": {"plan": {**include("x"), "value": 1}}}, ".plan.value"
    ),
    (
        "targeting: many faults",
        {T: {"countries": include("CAN"), "os": {}, "user_data": {"a": include()}, "typo": 1}},
        [
            f"{T}.typo",
            f"{T}.countries.items.0",
            f"{T}.os.op",
            f"{T}.os.items",
            f"{T}.user_data.a.items",
        ],
        "is not known here",
    ),
]

# Refused where names are known: an exclude of what names nothing would widen the audience.
UNKNOWN: Final[list[Bad]] = [
    (f"{T}.{key}: excludes nothing", {T: {key: exclude(item)}}, [f"{T}.{key}.items.0"], "")
    for key, item in OF_NOTHING.items()
]
