"""Targetings as clients write them: what is read from the good, what is said of the bad."""

from typing import Any, Final

from tocsin.domain.targeting import MAX_DAYS, Age, Criterion

MAX_ID: Final = 2**64 - 1
ID: Final = f"must be a number of 0 to {MAX_ID} in decimal"
COUNTRY: Final = "must be a country code of two letters (ISO 3166-1 alpha-2), such as CA"
LANGUAGE: Final = (
    "must be a language of ISO 639-1, such as pt, or a BCP 47 tag of one, such as pt-BR"
)
HOST: Final = "must be a host name or bundle name such as www.example.com, or *.example.com"
REGION: Final = "must be a GeoNames id, such as 792680"
OBJECT: Final = 'must be an object such as {"op": "include", "items": ["…"]}'
DAYS: Final = f"must be a whole number of days, 0 to {MAX_DAYS}"
SCALAR: Final = "must be text, a number, true or false"


def include(*items: Any) -> dict[str, Any]:
    return {"op": "include", "items": list(items)}


def exclude(*items: Any) -> dict[str, Any]:
    return {"op": "exclude", "items": list(items)}


def custom(**criteria: Any) -> dict[str, Any]:
    return {"user_data": criteria}


def read(attribute: str, *items: str, op: Any = "include", key: str | None = None) -> Criterion:
    return Criterion(attribute, op, items, key)


Good = tuple[str, object, tuple[Criterion | Age, ...]]
GOOD: Final[list[Good]] = [
    ("null", None, ()),
    ("empty", {}, ()),
    ("null criteria", {"countries": None, "subscribed_age": None, "user_data": None}, ()),
    (
        "order and spelling of the body",
        {"os": exclude("4"), "countries": include("CA", "rs")},
        (read("os", "4", op="exclude"), read("countries", "CA", "rs")),
    ),
    ("eq", {"browsers": {"items": [12], "op": "eq"}}, (read("browsers", "12"),)),
    ("neq", {"os": {"items": ["4"], "op": "neq"}}, (read("os", "4", op="exclude"),)),
    ("an unknown id may be included", {"browsers": include("99")}, (read("browsers", "99"),)),
    (
        "whether an excluded id is known is asked elsewhere",
        {"os": exclude(100)},
        (read("os", "100", op="exclude"),),
    ),
    *(
        (
            f"{attribute} by number and text",
            {attribute: include(7, "8")},
            (read(attribute, "7", "8"),),
        )
        for attribute in (
            *("accounts", "application_groups", "apps", "browsers", "groups"),
            *("os", "regions", "segments", "users"),
        )
    ),
    *(
        (
            f"{attribute} of 64 bits",
            {attribute: include(MAX_ID, "0")},
            (read(attribute, str(MAX_ID), "0"),),
        )
        for attribute in ("accounts", "application_groups", "apps", "groups", "segments", "users")
    ),
    (
        "host, wildcard and bundle name",
        {"applications": include("www.example.com", "*.Example.com", "com.example.my_app")},
        (read("applications", "www.example.com", "*.Example.com", "com.example.my_app"),),
    ),
    (
        "the longest host",
        {"applications": include("*." + "a." * 126 + "b")},
        (read("applications", "*." + "a." * 126 + "b"),),
    ),
    (
        "a host of one label",
        {"applications": include("localhost")},
        (read("applications", "localhost"),),
    ),
    (
        "tags of languages",
        {"languages": exclude("pt", "pt-BR", "sr-Latn-RS")},
        (read("languages", "pt", "pt-BR", "sr-Latn-RS", op="exclude"),),
    ),
    ("all of a hundred", {"os": include(*range(100))}, (read("os", *map(str, range(100))),)),
    (
        "ten thousand users",
        {"users": include(*range(10_000))},
        (read("users", *map(str, range(10_000))),),
    ),
    (
        "ten thousand remote users",
        {"remote_users": include(*map(str, range(10_000)))},
        (read("remote_users", *map(str, range(10_000))),),
    ),
    (
        "remote users are any text, case and all",
        {"remote_users": include("žika", "Žika", " a b ", "007", "7", "x" * 255)},
        (read("remote_users", "žika", "Žika", " a b ", "007", "7", "x" * 255),),
    ),
    ("the largest region", {"regions": include("9999999999")}, (read("regions", "9999999999"),)),
    ("both ends of an age", {"subscribed_age": {"from": 1, "to": 2}}, (Age(1, 2),)),
    ("one day", {"subscribed_age": {"from": "3", "to": 3}}, (Age(3, 3),)),
    ("an age without an end", {"subscribed_age": {"from": 30}}, (Age(30, None),)),
    ("an age without a beginning", {"subscribed_age": {"from": None, "to": "0"}}, (Age(None, 0),)),
    ("a very high age", {"subscribed_age": {"to": str(MAX_DAYS)}}, (Age(None, MAX_DAYS),)),
    ("no custom data", custom(), ()),
    ("a null key", custom(plan=None), ()),
    (
        "each key its own criterion",
        custom(plan=include("gold", "Gold"), seats=exclude(3)),
        (
            read("user_data", "gold", "Gold", key="plan"),
            read("user_data", "3", key="seats", op="exclude"),
        ),
    ),
    (
        "values in their JSON form",
        custom(k=include(1, 1.5, 1e3, -0.5, True, False, "", "null")),
        (read("user_data", "1", "1.5", "1000.0", "-0.5", "true", "false", "", "null", key="k"),),
    ),
    ("1 and 1.0 differ", custom(k=include(1, 1.0)), (read("user_data", "1", "1.0", key="k"),)),
    (
        "keys are literal",
        {"user_data": {"a.b": include("x"), "*": include("y"), "k" * 64: include("z")}},
        (
            read("user_data", "x", key="a.b"),
            read("user_data", "y", key="*"),
            read("user_data", "z", key="k" * 64),
        ),
    ),
    (
        "keys that are words elsewhere",
        {"user_data": {"op": include("x"), "items": include("y"), "countries": include("z")}},
        (
            read("user_data", "x", key="op"),
            read("user_data", "y", key="items"),
            read("user_data", "z", key="countries"),
        ),
    ),
    (
        "as many keys as there may be",
        {"user_data": {f"k{n}": include(n) for n in range(64)}},
        tuple(read("user_data", str(n), key=f"k{n}") for n in range(64)),
    ),
    ("a long value", custom(k=include("x" * 255)), (read("user_data", "x" * 255, key="k"),)),
    (
        "custom data keeps its place among the others",
        {"os": include(4), "user_data": {"k": include(1)}, "subscribed_age": {"to": 1}},
        (read("os", "4"), read("user_data", "1", key="k"), Age(None, 1)),
    ),
]

Bad = tuple[str, object, dict[str, str]]
BAD: Final[list[Bad]] = [
    ("an array", [], {"": "must be an object"}),
    ("text", "everyone", {"": "must be an object"}),
    (
        "a typo names the nearest",
        {"countrys": include("CA"), "user_date": {}, "subscribed_ago": {}},
        {
            "countrys": "is not known here; the nearest is countries",
            "user_date": "is not known here; the nearest is user_data",
            "subscribed_ago": "is not known here; the nearest is subscribed_age",
        },
    ),
    (
        "a typo is refused even as null",
        {"segmets": None},
        {"segmets": "is not known here; the nearest is segments"},
    ),
    ("a bare value", {"os": "4"}, {"os": OBJECT}),
    ("an array of items", {"groups": ["4"]}, {"groups": OBJECT}),
    (
        "an empty criterion",
        {"os": {}},
        {"os.op": "is required: include or exclude", "os.items": "is required"},
    ),
    (
        "nulls inside",
        {"apps": {"op": None, "items": None}},
        {"apps.op": "is required: include or exclude", "apps.items": "is required"},
    ),
    (
        "every fault at once",
        {"os": {"op": "Include", "items": "4", "itmes": []}, "regions": include("x")},
        {
            "os.itmes": "is not known here; the nearest is items",
            "os.op": "must be include or exclude",
            "os.items": "must be an array",
            "regions.items.0": REGION,
        },
    ),
    (
        "an op of another type",
        {"os": {"op": 1, "items": [4]}},
        {"os.op": "must be include or exclude"},
    ),
    ("an empty include", {"os": include()}, {"os.items": "has 0 items; it must have 1 to 100"}),
    (
        "an empty exclude",
        {"languages": exclude()},
        {"languages.items": "has 0 items; it must have 1 to 100"},
    ),
    *(
        (
            f"too many {attribute}",
            {attribute: include(*["1"] * (most + 1))},
            {f"{attribute}.items": f"has {most + 1} items; it must have 1 to {most}"},
        )
        for attribute, most in {
            "accounts": 100,
            "applications": 100,
            "countries": 270,
            "groups": 100,
            "regions": 100,
            "remote_users": 10_000,
            "segments": 100,
            "users": 10_000,
        }.items()
    ),
    (
        "countries",
        {"countries": include("CAN", "ZZ", "CA", "ca", 7, "", "C1", "ÇA")},
        {
            "countries.items.0": COUNTRY,
            "countries.items.1": "is no country of ISO 3166-1",
            "countries.items.3": "is the same as item 2",
            "countries.items.4": "must be text",
            "countries.items.5": COUNTRY,
            "countries.items.6": COUNTRY,
            "countries.items.7": COUNTRY,
        },
    ),
    (
        "languages",
        {"languages": include("xx", "pt-BR", "PT-br", "", "pt_BR", 1, "por", "pt-")},
        {
            "languages.items.0": LANGUAGE,
            "languages.items.2": "is the same as item 1",
            "languages.items.3": LANGUAGE,
            "languages.items.4": LANGUAGE,
            "languages.items.5": "must be text",
            "languages.items.6": LANGUAGE,
            "languages.items.7": LANGUAGE,
        },
    ),
    (
        "hosts that are the same",
        {"applications": include("a.com", "A.com", "*.a.com", "*.A.COM", None)},
        {
            "applications.items.1": "is the same as item 0",
            "applications.items.3": "is the same as item 2",
            "applications.items.4": "must be text",
        },
    ),
    *(
        (f"no host: {item[:20]!r}", {"applications": include(item)}, {"applications.items.0": HOST})
        for item in (
            *("*", "*.", "a*.example.com", "*.*.com", ".example.com", "example.com."),
            *("example.com:443", "https://example.com", "exa mple.com", "bücher.example", ""),
            *("a" * 64 + ".com", "a." * 127 + "com"),
        )
    ),
    (
        "types that no id has",
        {"browsers": include("12", 12, True, 1.5, None, [], {})},
        {
            "browsers.items.1": "is the same as item 0",
            **{f"browsers.items.{n}": "must be text" for n in range(2, 7)},
        },
    ),
    *(
        (f"no id: {item!r}", {attribute: include(item)}, {f"{attribute}.items.0": ID})
        for attribute in ("users", "segments")
        for item in (
            *("18446744073709551616", "-1", "007", "", " 1", "1e3", "\u0661", "+1", "x"),
            *(2**64, -1),
        )
    ),
    *(
        (f"no region: {item!r}", {"regions": include(item)}, {"regions.items.0": REGION})
        for item in ("0", 0, "01", "-1", "10000000000", "Serbia", "", 10**10)
    ),
    (
        "remote users",
        {"remote_users": include("", "a", "a", "x" * 256, "ž" * 128, 7, None)},
        {
            "remote_users.items.0": "must not be empty",
            "remote_users.items.2": "is the same as item 1",
            "remote_users.items.3": "is 256 bytes long; 255 are the most",
            "remote_users.items.4": "is 256 bytes long; 255 are the most",
            "remote_users.items.5": "must be text",
            "remote_users.items.6": "must be text",
        },
    ),
    (
        "an age that is a number",
        {"subscribed_age": 3},
        {"subscribed_age": 'must be an object such as {"from": 1, "to": 30}, in days'},
    ),
    (
        "an age of no end",
        {"subscribed_age": {"from": None}},
        {"subscribed_age": "needs from, to or both: whole days since the subscription"},
    ),
    (
        "an empty age",
        {"subscribed_age": {}},
        {"subscribed_age": "needs from, to or both: whole days since the subscription"},
    ),
    (
        "an age that ends before it begins",
        {"subscribed_age": {"from": 5, "to": "3"}},
        {"subscribed_age": "ends before it begins: from 5 to 3 days"},
    ),
    (
        "an age with an op",
        {"subscribed_age": {"from": 1, "op": "include"}},
        {"subscribed_age.op": "is not known here; the nearest is to"},
    ),
    *(
        (f"no days: {days!r}", {"subscribed_age": {"to": days}}, {"subscribed_age.to": DAYS})
        for days in (-1, "-1", 1.0, 1.5, True, "", "x", "01", "1.0", [], MAX_DAYS + 1, 10**20)
    ),
    (
        "both ends",
        {"subscribed_age": {"from": "soon", "to": False}},
        {"subscribed_age.from": DAYS, "subscribed_age.to": DAYS},
    ),
    (
        "custom data that is a criterion",
        {"user_data": ["gold"]},
        {"user_data": 'must be an object such as {"plan": {"op": "include", "items": ["…"]}}'},
    ),
    (
        "op and items in the key's place",
        {"user_data": include("gold")},
        {"user_data.op": OBJECT, "user_data.items": OBJECT},
    ),
    (
        "too many keys",
        {"user_data": {f"k{n}": include(n) for n in range(65)}},
        {"user_data": "has 65 keys; 64 are the most"},
    ),
    (
        "keys of no length",
        {"user_data": {"": include("x"), "k" * 65: None, "ž" * 33: include("x")}},
        {
            "user_data.": "must be a key of 1 to 64 bytes",
            f"user_data.{'k' * 64}…": "must be a key of 1 to 64 bytes",
            f"user_data.{'ž' * 33}": "must be a key of 1 to 64 bytes",
        },
    ),
    (
        "values",
        custom(k=include(1, "1", None, [], {}, "x" * 256, True, "true")),
        {
            "user_data.k.items.1": "is the same as item 0",
            "user_data.k.items.2": SCALAR,
            "user_data.k.items.3": SCALAR,
            "user_data.k.items.4": SCALAR,
            "user_data.k.items.5": "is 256 bytes long; 255 are the most",
            "user_data.k.items.7": "is the same as item 6",
        },
    ),
    (
        "too many values",
        custom(k=include(*range(101))),
        {"user_data.k.items": "has 101 items; it must have 1 to 100"},
    ),
    (
        "a criterion of a key",
        custom(plan={"op": "is", "itmes": ["x"]}),
        {
            "user_data.plan.itmes": "is not known here; the nearest is items",
            "user_data.plan.op": "must be include or exclude",
            "user_data.plan.items": "is required",
        },
    ),
]
