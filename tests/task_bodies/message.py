"""Bodies about the message: contract.md section 2.2 without its macros."""

from typing import Any, Final

from task_bodies.rows import GONE, LANDING, URL, Bad, Good, read_as, refused, refused_inside, taken
from task_bodies.task import FLAGS, NO_FLAGS

# fmt: off
LANGUAGES: Final = [  # 21 of them: one too many
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "ja", "ko",
    "ar", "he", "sv", "da", "fi", "cs", "hu", "ro", "bg", "el",
]
# fmt: on
ACTION: Final[dict[str, Any]] = {"action": None, "icon": None, "title": {"en": "Yes"}, "url": URL}
LONG_URL: Final = URL + "x" * (2048 - len(URL))

GOOD_URLS: Final = {
    "over http": "http://e.example",
    "in capitals": "HTTPS://E.EXAMPLE/",
    "with port, query and fragment": "https://e.example:8443/a?b=@#c",
    "of an address": "http://127.0.0.1:8090/",
    "of an IPv6 address": "https://[2001:db8::1]:443/",
    "with letters of the world": "https://пример.example/ž?q=€",
    "of 2048 bytes": LONG_URL,
}
BAD_URLS: Final = {
    "empty": ("", "absolute"),
    "relative": ("/a", "absolute"),
    "a name": ("i.png", "absolute"),
    "without a scheme": ("//e.example", "absolute"),
    "a script": ("javascript:alert(1)", "http"),
    "data": ("data:,x", "http"),
    "ftp": ("ftp://e.example", "http"),
    "a user": ("https://u@e.example", "user"),
    "a password": ("https://u:p@e.example/", "user"),
    "a user without a name": ("https://@e.example/", "user"),
    "a blank": (URL + "a b", "blanks"),
    "a newline": (URL + "\n", "control"),
    "a tab": ("https://e.\texample", "control"),
    "backslashes": ("https:\\\\e.example", "back"),
    "no host": ("https:///a", "absolute"),
    "a port alone": ("https://:80/", "host"),
    "port 65536": ("https://e:65536", "port"),
    "port abc": ("https://e:abc", "port"),
    "half an IPv6 address": ("https://[::1/", "host"),
    "more than an IPv6 address": ("https://[::1]e/", "host"),
    "an odd host": ("https://a|b/", "host"),
    "of 2049 bytes": (LONG_URL + "x", "is longer than 2048 bytes"),
    "of 2049 bytes in fewer letters": (URL + "x" + "ž" * 1012, "is longer than 2048 bytes"),
    "a number": (7, "must be text"),
    "true": (True, "must be text"),
    "a map": ({"de": URL}, "must be text"),
}


def _image(url: Any) -> dict[str, Any]:
    return {"image": {"en": url}}


GOOD: Final[list[Good]] = [
    *read_as(
        "message.title",
        "message.title",
        {
            "in several languages": ({"de": "a", "pt-BR": "b"}, {"de": "a", "pt-BR": "b"}),
            "a null beside": ({"en": "a", "de": None}, {"en": "a"}),
            "of 600 bytes": ({"en": "ž" * 300}, {"en": "ž" * 300}),
            "of 600 bytes in emoji": ({"en": "😀" * 150}, {"en": "😀" * 150}),
        },
    ),
    *taken(
        "message.title",
        {
            "in 20 languages": dict.fromkeys(LANGUAGES[:20], "x"),
            "in a script": {"zh-Hant-TW": "x", "sr-Latn": "y"},
            "in a region of numbers": {"es-419": "x"},
            "in capitals": {"EN": "x"},
            "of one letter": {"en": "x"},
        },
    ),
    *read_as(
        "message.body",
        "message.body",
        {
            "null": (None, {}),
            "empty map": ({}, {}),
            "of one null": ({"en": None}, {}),
            "empty text": ({"en": ""}, {"en": ""}),
            "in a language that the title has not": ({"de": "x"}, {"de": "x"}),
        },
    ),
    *taken(
        "message.body",
        {
            "of 2000 bytes": {"en": "x" * 2000},
            "of 2000 bytes in fewer letters": {"en": "ž" * 1000},
            "in 20 languages": dict.fromkeys(LANGUAGES[:20], "x"),
        },
    ),
    *read_as("message.image", "message.image", {"null": (None, {}), "empty map": ({}, {})}),
    *taken("message.image", {name: {"en": url} for name, url in GOOD_URLS.items()}),
    *taken("message.image", {"in two languages": {"en": URL, "de": URL + "de.png"}}),
    *taken(LANDING, GOOD_URLS),
    *read_as("message.icon", "message.icon", {"null": (None, None)}),
    *taken("message.icon", GOOD_URLS),
    *taken("message.badge", {"null": None, "an image": URL + "b.png"}),
    *taken(
        "message.tag",
        {
            "null": None,
            "a word": "news",
            "of 64 bytes": "x" * 64,
            "of 64 bytes in fewer letters": "ž" * 32,
        },
    ),
    *read_as("message.silent", "message.silent", FLAGS),
    *read_as("message.require_interaction", "message.require_interaction", FLAGS),
    ("renotify with a tag", {"message.renotify": "1", "message.tag": "a"}, {"message.renotify": 1}),
    *taken("message.renotify", {"null needs no tag": None, "0 needs none": 0, "nor as text": "0"}),
    *read_as(
        "message.vibration",
        "message.vibration",
        {
            "null": (None, ()),
            "three": ("200,100,200", (200, 100, 200)),
            "one": ("0", (0,)),
            "ten of the longest": (",".join(["10000"] * 10), (10_000,) * 10),
        },
    ),
    ("silent and vibration", {"message.silent": 1, "message.vibration": "5"}, {}),
    *read_as("message.actions", "message.actions", {"null": (None, ()), "none": ([], ())}),
    *taken(
        "message.actions",
        {
            "one": [ACTION],
            "three": [ACTION] * 3,
            "of old": [{**ACTION, "action": "yes"}],
            "that leads nowhere": [{"title": {"en": "No"}}],
            "with an icon": [{**ACTION, "icon": URL + "i.png"}],
            "with a title of 600 bytes": [{"title": {"en": "ž" * 300}}],
            "in two languages": [{**ACTION, "title": {"en": "Yes", "de": "Ja"}}],
        },
    ),
]

BAD: Final[list[Bad]] = [
    ("no message", {"message": GONE}, ["message"], "is required"),
    *refused("message", "is required", {"null": None}),
    *refused("message", "must be an object", {"text": "Hello", "array": [], "1": 1, "true": True}),
    ("message empty", {"message": {}}, ["message.title", LANDING], "is required"),
    ("no title", {"message.title": GONE}, ["message.title"], "is required"),
    *refused("message.title", "is required", {"null": None}),
    *refused("message.title", "from language to text", {"text": "Hello", "array": ["Hello"]}),
    *refused("message.title", "at least one language", {"empty": {}, "one null": {"en": None}}),
    *refused("message.title", "21 languages; 20 are the", {"21": dict.fromkeys(LANGUAGES, "x")}),
    *refused_inside(
        "message.title",
        {
            "empty text": ({"en": ""}, "en", "must not be empty"),
            "of 601 bytes": ({"en": "x" * 601}, "en", "is 601 bytes"),
            "of 601 bytes in fewer letters": ({"en": "ž" * 300 + "x"}, "en", "is 601 bytes"),
            "a number": ({"en": 7}, "en", "must be text"),
            "true": ({"en": True}, "en", "must be text"),
            "a map inside": ({"en": {"en": "x"}}, "en", "must be text"),
            "a language that is none": ({"xx": "x"}, "xx", "ISO 639-1"),
            "a language in full": ({"english": "x"}, "english", "ISO 639-1"),
            "a language of POSIX": ({"en_US": "x"}, "en_US", "pt-BR"),
            "a dash too many": ({"en-": "x"}, "en-", "ISO 639-1"),
            "a language of a blank": ({" ": "x"}, " ", "ISO 639-1"),
            "every language": ({"*": "x"}, "*", "ISO 639-1"),
            "a language twice": ({"en": "x", "EN": "y"}, "EN", "same language as en"),
            "good and bad": ({"en": "x", "de": ""}, "de", "must not be empty"),
        },
    ),
    *refused("message.body", "from language to text", {"text": "x", "array": [], "7": 7}),
    *refused("message.body", "20 are the most", {"21": dict.fromkeys(LANGUAGES, "x")}),
    *refused_inside(
        "message.body",
        {
            "of 2001 bytes": ({"en": "x" * 2001}, "en", "2001 bytes"),
            "of 2001 bytes in fewer letters": ({"en": "ž" * 1000 + "x"}, "en", "2001 bytes"),
            "a language that is none": ({"zz": "x"}, "zz", "ISO 639-1"),
            "a number": ({"en": 7}, "en", "must be text"),
        },
    ),
    *refused("message.image", "from language to text", {"text": URL, "array": [URL]}),
    *refused("message.image", "20 are the most", {"21": dict.fromkeys(LANGUAGES, URL)}),
    *refused_inside(
        "message.image",
        {name: ({"en": url}, "en", words) for name, (url, words) in BAD_URLS.items()},
    ),
    ("no landing", {LANDING: GONE}, [LANDING], "is required"),
    *refused(LANDING, "is required", {"null": None}),
    *[
        row
        for path in (LANDING, "message.icon", "message.badge")
        for name, (url, words) in BAD_URLS.items()
        for row in refused(path, words, {name: url})
    ],
    *refused("message.tag", "must not be empty", {"empty": ""}),
    *refused("message.tag", "65 bytes", {"of 65 bytes": "ž" * 32 + "x"}),
    *refused("message.tag", "must be text", {"a number": 7, "true": True, "array": ["a"]}),
    *refused("message.renotify", "needs a tag", {"1": 1, "1 as text": "1"}),
    *[
        row
        for flag in ("require_interaction", "renotify", "silent")
        for row in refused(f"message.{flag}", "must be 0 or 1", NO_FLAGS)
    ],
    *refused(
        "message.vibration",
        "text of milli",
        {
            "array": [200],
            "a number": 200,
            "empty": "",
            "blanks": "200, 100",
            "a comma behind": "200,",
            "a comma in front": ",200",
            "negative": "-1",
            "a fraction": "1.5",
            "words": "long",
            "in other digits": "\u0661",
        },
    ),
    *refused("message.vibration", "0 to 10000", {"10001": "10001", "last": "1,99999"}),
    *refused("message.vibration", "has 11", {"eleven": "1" + ",1" * 10}),
    *refused("message.actions", "an array", {"object": ACTION, "text": "Yes"}),
    *refused("message.actions", "has 4 buttons", {"four": [ACTION] * 4}),
    *refused_inside(
        "message.actions",
        {
            "null inside": ([None], "0", "must be an object"),
            "text inside": (["Yes"], "0", "must be an object"),
            "without a title": ([{}], "0.title", "is required"),
            "of text": ([{**ACTION, "title": "Yes"}], "0.title", "from language to text"),
            "without a text": (
                [ACTION, {**ACTION, "title": {"en": ""}}],
                "1.title.en",
                "must not be empty",
            ),
            "a title of 601 bytes": ([{"title": {"en": "x" * 601}}], "0.title.en", "601 bytes"),
            "action of a number": ([{**ACTION, "action": 1}], "0.action", "deprecated"),
            "a key unknown": ([{**ACTION, "link": URL}], "0.link", "is not known here"),
            "a key misspelt": ([{**ACTION, "titel": {}}], "0.titel", "the nearest is title"),
        }
        | {
            f"{key}: {name}": ([ACTION, {**ACTION, key: url}], f"1.{key}", words)
            for key in ("icon", "url")
            for name, (url, words) in BAD_URLS.items()
            if name in ("relative", "a script", "a user", "of 2049 bytes", "a number")
        },
    ),
    *refused("message.titel", "the nearest is title", {"typo": {}}),
    *refused("message.landingurl", "the nearest is landing_url", {"typo": URL}),
    *refused("message.vibrate", "the nearest is vibrat", {"typo": "200"}),
    (
        "too large",
        {"message.body": {"en": "x" * 2000}, "message.icon": URL + "y" * 2000},
        ["message"],
        "bytes too large in language en",
    ),
    (
        "too large in one language",
        {
            "message.title": {"en": "Hello", "de": "ž" * 300},
            "message.body": {"en": "x", "de": "ž" * 1000},
            "message.icon": URL + "y" * 1600,
        },
        ["message"],
        "bytes too large in language de",
    ),
]
