"""Messages: which language, which payload, whether it fits."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.message import (
    MAX_PLAINTEXT_BYTES,
    Action,
    Message,
    choose_language,
    compile_payload,
    from_json,
    message_faults,
    to_json,
)

TOKEN_LENGTH = 60


def message(title: Mapping[str, str] | None = None, **fields: Any) -> Message:
    return Message(
        **{
            "title": title or {"en": "Hello"},
            "body": {},
            "image": {},
            "landing_url": "https://www.example.com/",
            **fields,
        }
    )


def filled(sample: Message, language: str, custom_data: str | None = None) -> dict[str, Any]:
    payload = compile_payload(sample, language, fallback_tag="task-7", custom_data=custom_data)
    read: dict[str, Any] = json.loads(payload.fill("the.token"))
    return read


@pytest.mark.parametrize(
    ("keys", "language", "chosen"),
    [
        pytest.param(["en", "de"], "de", "de", id="the language itself"),
        pytest.param(["en", "de"], "de-AT", "de", id="a region falls back to its language"),
        pytest.param(["en", "de-AT"], "de", "en", id="a language does not take a region's text"),
        pytest.param(["en", "pt", "pt-BR"], "pt-BR", "pt-BR", id="the region before its language"),
        pytest.param(["en", "pt-BR"], "PT-br", "pt-BR", id="letters ignore case"),
        pytest.param(["EN", "de"], "fr", "EN", id="English ignores case too"),
        pytest.param(["zh", "zh-Hant"], "zh-Hant-CN-x-private1", "zh-Hant", id="the RFC's example"),
        pytest.param(["zh-Hant-CN-x", "en"], "zh-Hant-CN-x-wadegile", "en", id="never a singleton"),
        pytest.param(["de", "en"], "fr", "en", id="else English"),
        pytest.param(["de", "en"], None, "en", id="unknown: English"),
        pytest.param(["de", "en"], "", "en", id="empty: English"),
        pytest.param(["de", "fr"], "sr", "de", id="else the first"),
        pytest.param(["de", "en-GB"], None, "de", id="a region of English is not English"),
        pytest.param(["fr", "de"], None, "fr", id="the first as it was written"),
    ],
)
def test_the_language_chosen(keys: list[str], language: str | None, chosen: str) -> None:
    assert chosen == choose_language(message(dict.fromkeys(keys, "x")), language)


@pytest.mark.parametrize(
    ("bodies", "body"),
    [
        pytest.param({"de": "d", "pt-BR": "b"}, "b", id="the same language"),
        pytest.param({"de": "d", "pt": "p", "en": "e"}, "p", id="its closest"),
        pytest.param({"de": "d", "en": "e"}, "e", id="else English"),
        pytest.param({"de": "d", "fr": "f"}, "d", id="else its first"),
        pytest.param({}, None, id="none at all"),
    ],
)
def test_the_other_maps_follow_the_language_of_the_title(
    bodies: dict[str, str], body: str | None
) -> None:
    sample = message({"en": "t", "pt-BR": "u"}, body=bodies, image={"pt-BR": "https://i.example/"})

    assert body == filled(sample, "pt-BR")["options"].get("body")


def test_the_payload_of_a_bare_message() -> None:
    assert filled(message(), "en") == {
        "v": 1,
        "token": "the.token",
        "title": "Hello",
        "options": {"tag": "task-7"},
        "url": "https://www.example.com/",
        "action_urls": [],
    }


def test_the_payload_of_a_message_with_everything() -> None:
    sample = message(
        {"en": "Hello", "de": "Hallo"},
        body={"en": "World", "de": "Welt"},
        image={"en": "https://i.example/en.png"},
        icon="https://i.example/icon.png",
        badge="https://i.example/badge.png",
        tag="news",
        actions=(
            Action(title={"en": "Yes", "de": "Ja"}, icon="https://i.example/yes.png"),
            Action(title={"en": "No"}, url="https://www.example.com/no"),
        ),
        require_interaction=True,
        renotify=True,
        vibration=(200, 100, 200),
    )

    assert filled(sample, "de", '{"a": [1, 2.5, null]}') == {
        "v": 1,
        "token": "the.token",
        "title": "Hallo",
        "options": {
            "body": "Welt",
            "icon": "https://i.example/icon.png",
            "image": "https://i.example/en.png",
            "badge": "https://i.example/badge.png",
            "tag": "news",
            "requireInteraction": True,
            "renotify": True,
            "vibrate": [200, 100, 200],
            "actions": [
                {"action": "0", "title": "Ja", "icon": "https://i.example/yes.png"},
                {"action": "1", "title": "No"},
            ],
        },
        "url": "https://www.example.com/",
        "action_urls": [None, "https://www.example.com/no"],
        "custom": {"a": [1, 2.5, None]},
    }


def test_a_silent_message_does_not_vibrate() -> None:
    options = filled(message(silent=True, vibration=(100,)), "en")["options"]

    assert options == {"tag": "task-7", "silent": True}


def test_a_payload_is_in_utf_8_and_not_escaped() -> None:
    payload = compile_payload(message({"sr": "Здраво"}), "sr", fallback_tag="", custom_data=None)

    assert "Здраво".encode() in payload.fill("t")


def with_plaintext_of(size: int) -> Message:
    """Return a message in German whose payload, all counted, has *size* bytes."""
    empty = compile_payload(message({"de": ""}), "de", fallback_tag="-" * 40, custom_data=None)
    return message({"en": "short", "de": "x" * (size - empty.size(TOKEN_LENGTH))})


def test_a_message_of_the_largest_size_fits() -> None:
    header, delimiter, tag = 16 + 4 + 1 + 65, 1, 16  # RFC 8188 section 2, RFC 8291 section 4
    sample = with_plaintext_of(4096 - header - delimiter - tag)

    assert message_faults(sample, custom_data=None, token_length=TOKEN_LENGTH) == []


def test_one_byte_more_is_refused_by_language_and_number() -> None:
    sample = with_plaintext_of(MAX_PLAINTEXT_BYTES + 1)

    (fault,) = message_faults(sample, custom_data=None, token_length=TOKEN_LENGTH)

    assert fault.field == "message"
    assert "1 bytes too large in language de" in fault.message


def test_custom_data_counts() -> None:
    custom_data = json.dumps({"k": "y" * 3970})

    (fault,) = message_faults(message(), custom_data=custom_data, token_length=TOKEN_LENGTH)

    assert "language en" in fault.message


def test_renotify_needs_a_tag() -> None:
    faults = message_faults(message(renotify=True), custom_data=None, token_length=TOKEN_LENGTH)
    tagged = message(renotify=True, tag="news")

    assert [fault.field for fault in faults] == ["message.renotify"]
    assert message_faults(tagged, custom_data=None, token_length=TOKEN_LENGTH) == []


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
MAPS = st.dictionaries(st.sampled_from(["en", "de", "sr", "pt-BR", "zh-Hant"]), TEXT, max_size=5)
TITLES = st.dictionaries(
    st.sampled_from(["en", "de", "sr", "pt-BR", "zh-Hant"]), TEXT, min_size=1, max_size=5
)
URLS = st.none() | TEXT.map(lambda path: f"https://www.example.com/{path}")
MESSAGES = st.builds(
    Message,
    title=TITLES,
    body=MAPS,
    image=MAPS,
    landing_url=TEXT,
    icon=URLS,
    badge=URLS,
    tag=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
    actions=st.lists(st.builds(Action, title=TITLES, icon=URLS, url=URLS), max_size=3).map(tuple),
    require_interaction=st.booleans(),
    renotify=st.booleans(),
    silent=st.booleans(),
    vibration=st.lists(st.integers(0, 10_000), max_size=10).map(tuple),
)


@given(sample=MESSAGES)
def test_a_message_survives_its_json(sample: Message) -> None:
    assert sample == from_json(json.loads(json.dumps(to_json(sample))))


COMPACT: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":")}


def naive(sample: Message, language: str, token: str, custom: Any) -> dict[str, Any]:
    """Return the payload as contract.md section 4 lists it, put together the slow way."""

    def text(texts: Mapping[str, str]) -> str | None:
        return texts[choose_language(message(texts), language)] if texts else None

    options: dict[str, Any] = {
        "body": text(sample.body),
        "icon": sample.icon,
        "image": text(sample.image),
        "badge": sample.badge,
        "tag": sample.tag or "task-7",
        "requireInteraction": sample.require_interaction or None,
        "renotify": sample.renotify or None,
        "silent": sample.silent or None,
        "vibrate": None if sample.silent else list(sample.vibration) or None,
        "actions": [
            {"action": str(n), "title": text(a.title), **({"icon": a.icon} if a.icon else {})}
            for n, a in enumerate(sample.actions)
        ]
        or None,
    }
    return {
        "v": 1,
        "token": token,
        "title": sample.title[language],
        "options": {key: value for key, value in options.items() if value is not None},
        "url": sample.landing_url,
        "action_urls": [action.url for action in sample.actions],
        **({} if custom is None else {"custom": custom}),
    }


@given(
    sample=MESSAGES,
    language=st.sampled_from(["en", "de-CH", "pt-BR", "xx", None]),
    token=st.text("abcXYZ019-_.", max_size=90),
    custom=st.none() | st.dictionaries(TEXT, TEXT | st.integers() | st.booleans(), max_size=3),
)
def test_a_filled_payload_is_the_json_of_the_whole(
    sample: Message, language: str | None, token: str, custom: dict[str, Any] | None
) -> None:
    chosen = choose_language(sample, language)
    custom_data = None if custom is None else json.dumps(custom)
    whole = json.dumps(naive(sample, chosen, token, custom), **COMPACT).encode()

    payload = compile_payload(sample, chosen, fallback_tag="task-7", custom_data=custom_data)

    assert whole == payload.fill(token)
    assert len(whole) == payload.size(len(token))


@given(sample=MESSAGES, language=TEXT | st.none())
def test_a_chosen_language_chooses_itself(sample: Message, language: str | None) -> None:
    chosen = choose_language(sample, language)

    assert chosen in sample.title
    assert chosen == choose_language(sample, chosen)
