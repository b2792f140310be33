"""Bodies that draw their message from a demand source: contract.md section 2.4."""

from typing import Any, Final

from task_bodies.message import BAD_URLS, GOOD_URLS
from task_bodies.rows import GONE, URL, Bad, Good
from task_bodies.task import FLAGS, NO_FLAGS, NO_NUMBERS

FALLBACK: Final = {"title": "Update", "landing_url": URL}
DRAW: Final[dict[str, Any]] = {"zone_id": 3002371, "fallback_message": FALLBACK}
BUTTON: Final = {"title": "Details", "icon": URL + "i.png", "url": URL}
BIGGEST: Final = 2**64 - 1
NO_IDS: Final = {
    "-1": -1,
    "-1 as text": "-1",
    "past 64 bits": "18446744073709551616",
    "a float": 1.0,
    "true": True,
    "a word": "first",
    "empty": "",
    "with a zero in front": "01",
    "an object": {},
}


def draw(**fields: Any) -> dict[str, Any]:
    """Return the changes that make the plain body a draw with *fields*; GONE takes one out."""
    adex = {key: value for key, value in {**DRAW, **fields}.items() if value is not GONE}
    return {"message": GONE, "adex": adex}


def fallback(**fields: Any) -> dict[str, Any]:
    """Return the same with *fields* in the fallback."""
    kept = {key: value for key, value in {**FALLBACK, **fields}.items() if value is not GONE}
    return draw(fallback_message=kept)


def _good(key: str, attribute: str, values: dict[str, tuple[Any, Any]]) -> list[Good]:
    return [
        (f"adex.{key}: {name}", draw(**{key: sent}), {f"adex.{attribute}": read})
        for name, (sent, read) in values.items()
    ]


def _shown(key: str, values: dict[str, Any]) -> list[Good]:
    return [
        (f"fallback.{key}: {name}", fallback(**{key: sent}), {}) for name, sent in values.items()
    ]


def _bad(key: str, words: str, values: dict[str, Any], inside: str = "") -> list[Bad]:
    return [
        (f"adex.{key}{inside}: {name}", draw(**{key: sent}), [f"adex.{key}{inside}"], words)
        for name, sent in values.items()
    ]


def _unshown(key: str, words: str, values: dict[str, Any], inside: str = "") -> list[Bad]:
    path = f"adex.fallback_message.{key}{inside}"
    return [
        (f"fallback.{key}{inside}: {name}", fallback(**{key: sent}), [path], words)
        for name, sent in values.items()
    ]


GOOD: Final[list[Good]] = [
    ("adex with a fallback", draw(), {"message": None, "adex.number_of_messages": 1}),
    ("adex beside a null message", {**draw(), "message": None}, {"message": None}),
    ("a null adex beside a message", {"adex": None}, {"adex": None}),
    *_good(
        "zone_id",
        "zone_id",
        {
            "as text": ("3002371", "3002371"),
            "the biggest": (BIGGEST, str(BIGGEST)),
            "the biggest as text": (str(BIGGEST), str(BIGGEST)),
        },
    ),
    *_good(
        "account_id",
        "account_ids",
        {
            "null": (None, ()),
            "one": (123456, ("123456",)),
            "one as text": ("123456", ("123456",)),
            "an array": ([1, "2"], ("1", "2")),
        },
    ),
    *_good(
        "campaign_id", "campaign_ids", {"null": (None, ()), "an array": (["1011086"], ("1011086",))}
    ),
    *_good("group_id", "group_ids", {"null": (None, ()), "an array": ([1723, "1"], ("1723", "1"))}),
    *_good(
        "default_campaign_id",
        "default_campaign_id",
        {"null": (None, None), "a number": (1011086, "1011086"), "text": ("1011086", "1011086")},
    ),
    *_good(
        "number_of_messages",
        "number_of_messages",
        {"null": (None, 1), "1": (1, 1), "1 text": ("1", 1), "10": (10, 10), "10 text": ("10", 10)},
    ),
    *_good("repeat_on_click", "repeat_on_click", FLAGS),
    *_shown("title", {"of 600 bytes": "ž" * 300}),
    *_shown("body", {"null": None, "text": "See", "empty": "", "of 2000 bytes": "ž" * 1000}),
    *_shown("image", {"null": None, **GOOD_URLS}),
    *_shown("icon", {"null": None, "an image": URL + "i.png"}),
    *_shown("badge", {"null": None, "an image": URL + "b.png"}),
    *_shown("landing_url", GOOD_URLS),
    *_shown("tag", {"null": None, "of 64 bytes": "ž" * 32}),
    *_shown("require_interaction", {"0": "0", "1": "1", "null": None}),
    *_shown("silent", {"0": "0", "1": "1", "a number": 1}),
    *_shown("vibration", {"two": "100,100", "null": None}),
    *_shown(
        "actions",
        {
            "null": None,
            "none": [],
            "one": [BUTTON],
            "three": [BUTTON] * 3,
            "that lead nowhere": [{"title": "Dismiss", "icon": None, "url": None}],
        },
    ),
    ("fallback: renotify", fallback(renotify="1", tag="a"), {}),
    ("fallback: macros", fallback(title="${OCMH_APP_NAME}", body="${user_data.a|b}"), {}),
]

BAD: Final[list[Bad]] = [
    ("message and adex", {"adex": DRAW}, ["adex"], "message"),
    ("null message and null adex", {"message": None, "adex": None}, ["message"], "is required"),
    *[
        (f"adex: {name}", {"message": GONE, "adex": value}, ["adex"], "must be an object")
        for name, value in {"array": [], "text": "x", "a number": 3002371, "true": True}.items()
    ],
    ("adex: empty", {"message": GONE, "adex": {}}, ["adex.zone_id"], "is required"),
    ("adex: no zone", draw(zone_id=GONE), ["adex.zone_id"], "is required"),
    *_bad("zone_id", "is required", {"null": None}),
    *_bad("zone_id", "", {**NO_IDS, "an array": [1]}),
    *_bad("account_id", "", NO_IDS),
    *_bad("account_id", "", {"-1 inside": [-1], "null inside": [None]}, ".0"),
    *_bad("account_id", "", {"twice": [1, "1"]}, ".1"),
    *_bad("campaign_id", "must be an array", {"one": 1011086, "one as text": "1011086", "{}": {}}),
    *_bad("campaign_id", "", {"a word inside": ["1", "x"], "a float inside": [1, 1.5]}, ".1"),
    *_bad("group_id", "must be an array", {"one": 1723, "one as text": "1723", "true": True}),
    *_bad("group_id", "", {"true inside": [True]}, ".0"),
    *_bad("default_campaign_id", "", {**NO_IDS, "an array": ["1"]}),
    *_bad("number_of_messages", "must be 1 to 10", {"0": 0, "11": 11, "-1": "-1", "11 text": "11"}),
    *_bad("number_of_messages", "whole number", NO_NUMBERS),
    *_bad("repeat_on_click", "must be 0 or 1", NO_FLAGS),
    *_bad("zoneid", "the nearest is zone_id", {"typo": 1}),
    *_bad("fallback", "the nearest is fallback_message", {"typo": None}),
    *_bad("fallback_message", "must be an object", {"text": "Update", "array": [FALLBACK]}),
    (
        "fallback: empty",
        draw(fallback_message={}),
        ["adex.fallback_message.title", "adex.fallback_message.landing_url"],
        "is required",
    ),
    *_unshown("title", "is required", {"gone": GONE, "null": None}),
    *_unshown("title", "must be text", {"a map": {"en": "x"}, "a number": 7}),
    *_unshown("title", "must not be empty", {"empty": ""}),
    *_unshown("title", "is 601 bytes", {"of 601 bytes": "ž" * 300 + "x"}),
    *_unshown("body", "must be text", {"a map": {"en": "x"}, "true": True}),
    *_unshown("body", "2001 bytes", {"of 2001 bytes": "x" * 2001}),
    *_unshown("landing_url", "is required", {"gone": GONE, "null": None}),
    *[
        row
        for key in ("landing_url", "image")
        for name, (url, words) in BAD_URLS.items()
        for row in _unshown(key, words, {name: url})
    ],
    *_unshown("icon", "absolute", {"relative": "/i.png"}),
    *_unshown("badge", "user", {"a user": "https://u:p@e.example/"}),
    *_unshown("tag", "65 bytes", {"of 65 bytes": "ž" * 32 + "x"}),
    *_unshown("silent", "must be 0 or 1", NO_FLAGS),
    *_unshown("renotify", "needs a tag", {"without a tag": "1"}),
    *_unshown("vibration", "text of milli", {"array": [100]}),
    *_unshown("actions", "has 4 buttons", {"four": [BUTTON] * 4}),
    *_unshown("actions", "is required", {"without a title": [{}]}, ".0.title"),
    *_unshown("actions", "must be text", {"by language": [{"title": {"en": "x"}}]}, ".0.title"),
    *_unshown("actions", "http", {"a script": [{**BUTTON, "url": "javascript:x"}]}, ".0.url"),
    *_unshown("actions", "the nearest is url", {"typo": [{**BUTTON, "ulr": URL}]}, ".0.ulr"),
    *_unshown("titel", "the nearest is title", {"typo": "x"}),
    *_unshown("title", "", {"unknown macro": "${X}", "an open macro": "${OCMH_APP_NAME"}),
    *_unshown("landing_url", "", {"unknown macro": URL + "?${X}"}),
    (
        "fallback: too large",
        fallback(body="x" * 2000, icon=URL + "y" * 2000),
        ["adex.fallback_message"],
        "bytes too large",
    ),
    (
        "adex: many faults",
        draw(zone_id="x", number_of_messages=0, fallback_message={"title": 1}),
        [
            "adex.zone_id",
            "adex.fallback_message.title",
            "adex.fallback_message.landing_url",
            "adex.number_of_messages",
        ],
        "",
    ),
]

# Refused where the zones are known: there is none of this id, and nothing else to show.
UNKNOWN: Final[list[Bad]] = [
    ("an unknown zone without a fallback", draw(fallback_message=GONE), ["adex.zone_id"], ""),
    ("and with a null fallback", draw(fallback_message=None), ["adex.zone_id"], ""),
]
