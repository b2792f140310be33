"""Bodies about the task itself: contract.md section 2.1 without its schedule."""

from typing import Final

from task_bodies.rows import GONE, LANDING, Bad, Good, read_as, refused, taken

# What is no whole number, wherever one is wanted.
NO_NUMBERS: Final = {
    "true": True,
    "false": False,
    "a float": 1.0,
    "a half": 0.5,
    "a float as text": "1.0",
    "by exponent": "1e3",
    "empty": "",
    "a word": "many",
    "with a blank": " 1",
    "with a blank behind": "1 ",
    "with a newline": "1\n",
    "with a plus": "+1",
    "with a zero in front": "01",
    "with an underscore": "1_0",
    "in hexadecimal": "0x1",
    "in other digits": "\u0661",
    "in full width": "\uff11",
    "of many digits": "9" * 5000,
    "an array": [1],
    "an object": {},
}
NO_FLAGS: Final = {
    "true": True,
    "false": False,
    "2": 2,
    "-1": -1,
    "a float": 1.0,
    "zero as a float": 0.0,
    "2 as text": "2",
    "yes": "yes",
    "empty": "",
    "an array": [],
}
FLAGS: Final = {
    "null": (None, False),
    "0": (0, False),
    "1": (1, True),
    "0 as text": ("0", False),
    "1 as text": ("1", True),
}
READ_ONLY: Final = (
    "id",
    "next_execution_time",
    "last_execution_time",
    "create_time",
    "update_time",
)

GOOD: Final[list[Good]] = [
    ("plain", {}, {"name": "Demo", "status": 1, "ttl_s": 3600, "urgency": "normal"}),
    ("status left out", {"status": GONE}, {"status": 0}),
    *taken(
        "name",
        {
            "of one byte": "x",
            "of 255 bytes": "ž" * 127 + "x",
            "of 255 bytes in emoji": "😀" * 63 + "abc",
            "with quotes and a backslash": 'a"b\\c',
            "a number as text": "7",
        },
    ),
    *read_as(
        "status",
        "status",
        {"null": (None, 0), "0": (0, 0), "1": (1, 1), "0 as text": ("0", 0), "1 text": ("1", 1)},
    ),
    *read_as(
        "ttl",
        "ttl_s",
        {
            "null": (None, 3600),
            "0": (0, 0),
            "0 as text": ("0", 0),
            "as number": (60, 60),
            "as text": ("60", 60),
            "not in whole minutes": (61, 61),
            "four weeks": (2_419_200, 2_419_200),
            "four weeks as text": ("2419200", 2_419_200),
        },
    ),
    *read_as(
        "total_user",
        "total_user",
        {
            "null": (None, None),
            "0": (0, None),
            "0 as text": ("0", None),
            "1": (1, 1),
            "as text": ("1000", 1000),
            "a billion": (1_000_000_000, 1_000_000_000),
        },
    ),
    *read_as(
        "urgency",
        "urgency",
        {
            "null": (None, "normal"),
            "very-low": ("very-low", "very-low"),
            "low": ("low", "low"),
            "normal": ("normal", "normal"),
            "high": ("high", "high"),
        },
    ),
    *taken(
        "custom_data",
        {
            "null": None,
            "an object": '{"order": 7}',
            "empty object": "{}",
            "blanks around": ' {"a": [1, null, true, 1.5, "x"]}\n',
            "of 4000 bytes": "{}" + " " * 3998,
            "multi-byte": '{"ž": "😀"}',
            "an escaped pair": '{"a": "\\ud83d\\ude00"}',
            "32 deep": '{"a":' + "[" * 31 + "]" * 31 + "}",
        },
    ),
]

BAD: Final[list[Bad]] = [
    ("no name", {"name": GONE}, ["name"], "is required"),
    *refused("name", "is required", {"null": None}),
    *refused("name", "must not be empty", {"empty": ""}),
    *refused("name", "is 256 bytes long; 255 are the most", {"ž": "ž" * 128, "😀": "😀" * 64}),
    *refused("name", "must be text", {"7": 7, "true": True, "array": ["x"], "object": {"en": "x"}}),
    *refused("status", "finished", {"2": 2, "2 as text": "2"}),
    *refused("status", "must be 0 to 1", {"3": 3, "-1": -1, "-1 as text": "-1"}),
    *refused("status", "whole number", NO_NUMBERS),
    *refused("status", "whole number", {"2.0": 2.0, "active": "active"}),
    *refused("ttl", "must be 0 to 2419200", {"-1": -1, "-1 as text": "-1"}),
    *refused("ttl", "must be 0 to 2419200", {"a second over": 2_419_201, "text": "2419201"}),
    *refused("ttl", "must be 0 to 2419200", {"huge": "99999999999999999999"}),
    *refused("ttl", "whole number", NO_NUMBERS),
    *refused("total_user", "must be 0 to ", {"-1": -1, "-1 as text": "-1"}),
    *refused("total_user", "whole number", NO_NUMBERS),
    *refused("urgency", "very-low, low, normal, high", {"unknown": "urgent", "empty": ""}),
    *refused("urgency", "must be one of", {"High": "High", "1": 1, "true": True, "[]": ["low"]}),
    *refused(
        "custom_data", "text that holds", {"an object itself": {"a": 1}, "true": True, "7": 7}
    ),
    *refused("custom_data", "is empty", {"empty": "", "blanks": "  "}),
    *refused(
        "custom_data",
        "its text is not JSON",
        {
            "no JSON": "{a}",
            "a comma at the end": '{"a":1,}',
            "two": "{}{}",
            "a comment": "{/**/}",
            "half": '{"a":',
        },
    ),
    *refused("custom_data", "its text is an array", {"array": "[1]"}),
    *refused("custom_data", "its text is ", {"null as text": "null", "text": '"x"', "1": "1"}),
    *refused("custom_data", "the key a more", {"twins": '{"a":1,"a":2}'}),
    *refused("custom_data", "more than once", {"twins inside": '{"b":[{"a":1,"a":2}]}'}),
    *refused("custom_data", "NaN", {"NaN": '{"a":NaN}'}),
    *refused("custom_data", "Infinity", {"infinite": '{"a":-Infinity}'}),
    *refused("custom_data", "NUL", {"NUL": '{"a":"\\u0000"}', "NUL in a key": '{"\\u0000":1}'}),
    *refused("custom_data", "surrogate", {"half a pair": '{"a":"\\ud800"}'}),
    *refused("custom_data", "32", {"33 deep": '{"a":' + "[" * 32 + "]" * 32 + "}"}),
    *refused("custom_data", "4000", {"of 4001 bytes": "{}" + " " * 3999}),
    *refused("custom_data", "4000", {"of 4001 in fewer letters": '{"a":"' + "ž" * 1996 + 'x"}'}),
    (
        "custom_data: more than a push holds",
        {"custom_data": '{"a":"' + "x" * 3992 + '"}'},
        ["message"],
        "too large in language en",
    ),
    *[
        (f"{key} {name}", {key: value}, [key], "set by the server")
        for key in READ_ONLY
        for name, value in (("null", None), ("1057", "1057"), ("empty", ""))
    ],
    ("typo at the top", {"targetting": {}}, ["targetting"], "the nearest is targeting"),
    ("typo as null", {"targetting": None}, ["targetting"], "the nearest is targeting"),
    ("typo in capitals", {"Name": "x"}, ["Name"], "the nearest is name"),
    ("typo of ttl", {"tll": 60}, ["tll"], "the nearest is ttl"),
    ("typo of start_time", {"starttime": None}, ["starttime"], "the nearest is start_time"),
    ("typo of urgency", {"urgence": "low"}, ["urgence"], "the nearest is urgency"),
    ("nothing like it", {"zzz": None}, ["zzz"], "is not known here; the nearest is "),
    ("a key of nothing", {"": 1}, [""], "is not known here"),
    ("a key of a word", {"a": 1}, ["a"], "is not known here"),
    (
        "many at once, as the body has them",
        {
            "ttl": True,
            "message.icon": 7,
            "message.body": [],
            "typo": 1,
            "name": "",
            "cron": "@daily",
        },
        ["name", "message.icon", "message.body", "ttl", "typo", "cron"],
        "must not be empty",
    ),
    (
        "fields that bind one another among others",
        {"name": GONE, "start_time": "2022-01-01 12:00:00", "message.renotify": 1, "ttl": -1},
        ["start_time", "message.renotify", "ttl", "name"],
        "in the past.",
    ),
    (
        "one of every room",
        {
            "status": 2,
            "end_time": "2026-02-05 10:00:00",
            "frequency": 60,
            "total_user": -1,
            "urgency": "now",
            "id": None,
            LANDING: "/a",
            "targeting": {"countries": {"op": "include", "items": ["CAN"]}},
        },
        [
            "status",
            LANDING,
            "end_time",
            "frequency",
            "total_user",
            "urgency",
            "id",
            "targeting.countries.items.0",
        ],
        "finished",
    ),
    (
        "nothing at all",
        dict.fromkeys(("name", "status", "start_time", "message"), GONE),
        ["name", "message"],
        "is required",
    ),
]
