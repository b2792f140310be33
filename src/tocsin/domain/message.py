"""A push message: its languages, the payload that a browser gets, and whether that fits."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

from tocsin.domain.errors import Fault
from tocsin.domain.macros import (
    CLICK_ID,
    SAMPLE_TASK_ID,
    Macro,
    Template,
    is_user_data,
    longest_values,
    parse,
    sample_values,
)
from tocsin.domain.message_token import TOKEN_LENGTH
from tocsin.domain.payload import Payload, write_payload

# One aes128gcm record in a body of 4096 bytes, less header, delimiter and tag (RFC 8291 section 4)
MAX_BODY_BYTES: Final = 4096
MAX_PLAINTEXT_BYTES: Final = 3993
# A message without a tag of its own gets one from its task; no longer than this, so that the
# size is known before the task has an id.
MAX_FALLBACK_TAG_BYTES: Final = 40
FALLBACK_LANGUAGE: Final = "en"
DRAW_PATH: Final = "/v1/edge/adex/"
"""Behind the server's own address, and before the token of what is drawn."""

_LONGEST_TAG: Final = "-" * MAX_FALLBACK_TAG_BYTES
_MOST_FLAWS: Final = 20  # that are named, each with its nearest; further ones are counted
_NO_VALUES: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Action:
    """A button under the notification: its text by language, its icon and where it leads."""

    title: Mapping[str, str]
    icon: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What people get, in every language (contract.md section 2.2). Unset maps are empty."""

    title: Mapping[str, str]
    body: Mapping[str, str]
    image: Mapping[str, str]
    landing_url: str
    icon: str | None = None
    badge: str | None = None
    tag: str | None = None
    actions: tuple[Action, ...] = ()
    require_interaction: bool = False
    renotify: bool = False
    silent: bool = False
    vibration: tuple[int, ...] = ()


def choose_language(message: Message, language: str | None) -> str:
    """Return the key of *message*'s title that suits a subscriber of *language* best.

    Source: RFC 4647 section 3.4 (lookup) with one range; else English, else the first key.
    """
    return _best(message.title, language)


def fallback_tag(task_id: str) -> str:
    """Return the tag of a message that has none: a task's messages replace one another."""
    return f"tocsin-{task_id}"


def compile_payload(
    message: Message | None,
    language: str,
    *,
    fallback_tag: str,
    custom_data: str | None,
    is_fallback: bool = False,
    fixed: Mapping[str, str] = _NO_VALUES,
) -> Payload:
    """Return the payload for those whose chosen language is *language*, ready for its tokens.

    language: from choose_language, so that a parcel compiles once per key and not per subscriber.
    fallback_tag: stands in for a missing tag, at most 40 bytes. custom_data: a JSON object as text.
    is_fallback: the device draws, and *message*, which may be missing then, is shown if nothing
    comes. fixed: values of macros that are the same for everybody.
    Source: contract.md section 4, last paragraph. Where a device draws is said as a path, for the
    device knows best how it reaches this server.
    """
    shape = None if message is None else shown_shape(message, language, fallback_tag=fallback_tag)
    if is_fallback:
        shape = {"adex": {"url": (DRAW_PATH, Macro(CLICK_ID)), "fallback": shape}}
    if shape is None:
        raise ValueError("there is neither a message nor a draw")
    custom = {} if custom_data is None else {"custom": json.loads(custom_data)}
    return write_payload({**shape, **custom}, fixed)


def shown_shape(message: Message, language: str, *, fallback_tag: str) -> dict[str, Any]:
    """Return what the service worker shows and opens, with templates where macros are.

    A key without a value is left out, for the Notification API would read null as text. A silent
    message does not vibrate: together they make showNotification throw.
    """
    return {
        "title": _text(message.title, language),
        "options": _options(message, language, fallback_tag),
        "url": _url(message.landing_url),
        "action_urls": [_url(action.url) for action in message.actions],
    }


def macros_of(message: Message) -> frozenset[str]:
    """Return the names of the macros that stand anywhere in *message*."""
    found = (
        parse(text, is_url=is_url)[0]
        for _, text, is_url in _texts_and_urls(message, "", by_language=True)
        if "${" in text
    )
    return frozenset(part.name for part in chain(*found) if isinstance(part, Macro))


def message_faults(
    message: Message | None,
    *,
    path: str = "message",
    is_fallback: bool = False,
    custom_data: str | None,
    token_length: int,
    name: str | None = None,
) -> list[Fault]:
    """Return what is wrong with *message* beyond the shape of its single fields.

    path: where it stands in its body. is_fallback: there in one language, and None is no fault.
    token_length: of the message tokens to come, in characters. custom_data: readable JSON text.
    name: of the task, for the macro that says it; None reckons with the longest.
    """
    faults = []
    if message is not None:
        faults += _macro_faults(message, path, by_language=not is_fallback)
        if message.renotify and not message.tag:
            sentence = "needs a tag: it says what the message replaces"
            faults.append(Fault(f"{path}.renotify", sentence))
    for language, payload in _payloads(message, custom_data, is_fallback=is_fallback):
        over = payload.size(token_length, longest_values(name=name)) - MAX_PLAINTEXT_BYTES
        if over > 0:
            where = "" if is_fallback else f" in language {language}"
            what = "macros at their longest, " if payload.needs else ""
            faults.append(
                Fault(
                    "custom_data" if message is None else path,
                    f"is {over} bytes too large{where}: with texts, URLs, {what}and custom_data "
                    f"it must fit the {MAX_PLAINTEXT_BYTES} bytes of one push",
                )
            )
    return faults


def message_warnings(
    message: Message,
    *,
    is_fallback: bool = False,
    custom_data: str | None,
    name: str | None = None,
    token_length: int = TOKEN_LENGTH,
) -> list[tuple[str, str]]:
    """Return what a good *message* may still disappoint with: a code and a sentence each.

    The arguments are those of message_faults.
    """
    known = {language.casefold() for language in message.title}
    others = chain(message.body, message.image, *(action.title for action in message.actions))
    strange = {key.casefold(): key for key in others if key.casefold() not in known}
    warnings = [
        (
            "language_without_title",
            f"nobody is chosen for language {language}: the message has texts in it, but no title",
        )
        for language in strange.values()
    ]
    for language, payload in _payloads(message, custom_data, is_fallback=is_fallback):
        data = frozenset(filter(is_user_data, payload.needs))
        values = longest_values(name=name, data=data)
        over = payload.size(token_length, values) - MAX_PLAINTEXT_BYTES
        if data and over > 0:
            sentence = (
                f"with the longest custom data the message is {over} bytes too large in language "
                f"{language}: it is rejected for those whose values do not fit"
            )
            warnings.append(("user_data_may_not_fit", sentence))
    return warnings


def payload_json(
    message: Message | None,
    language: str,
    *,
    name: str,
    custom_data: str | None,
    is_fallback: bool = False,
    now_ms: int,
) -> dict[str, Any]:
    """Return what a sample subscriber's service worker reads, decrypted.

    language: a key of the title. name: of the task. See macros.sample_values.
    """
    payload = compile_payload(
        message,
        language,
        fallback_tag=fallback_tag(SAMPLE_TASK_ID),
        custom_data=custom_data,
        is_fallback=is_fallback,
    )
    sample = payload.fill("A" * TOKEN_LENGTH, sample_values(name=name, now_ms=now_ms))
    found: dict[str, Any] = json.loads(sample)
    return found


def encrypted_size(payload: Mapping[str, Any]) -> int:
    """Return how many bytes the body of a push with *payload* has (RFC 8291 section 4)."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) + MAX_BODY_BYTES - MAX_PLAINTEXT_BYTES


def to_json(message: Message) -> dict[str, Any]:
    """Return *message* in the API's shape; the order of the languages is part of it."""
    return {
        "title": dict(message.title),
        "body": dict(message.body),
        "image": dict(message.image),
        "landing_url": message.landing_url,
        "icon": message.icon,
        "badge": message.badge,
        "tag": message.tag,
        "actions": [
            {"action": None, "title": dict(action.title), "icon": action.icon, "url": action.url}
            for action in message.actions
        ],
        "require_interaction": _flag(message.require_interaction),
        "renotify": _flag(message.renotify),
        "silent": _flag(message.silent),
        "vibration": ",".join(map(str, message.vibration)) or None,
    }


def from_json(shape: Mapping[str, Any]) -> Message:
    """Return the message that to_json wrote as *shape*; not for what a client sent."""
    return Message(
        title=shape["title"],
        body=shape["body"],
        image=shape["image"],
        landing_url=shape["landing_url"],
        icon=shape["icon"],
        badge=shape["badge"],
        tag=shape["tag"],
        actions=tuple(
            Action(title=action["title"], icon=action["icon"], url=action["url"])
            for action in shape["actions"]
        ),
        require_interaction=shape["require_interaction"] == "1",
        renotify=shape["renotify"] == "1",
        silent=shape["silent"] == "1",
        vibration=tuple(int(pulse) for pulse in (shape["vibration"] or "").split(",") if pulse),
    )


def _options(message: Message, language: str, fallback_tag: str) -> dict[str, Any]:
    return _without_blanks(
        {
            "body": _text(message.body, language),
            "icon": _url(message.icon),
            "image": _text(message.image, language, is_url=True),
            "badge": _url(message.badge),
            "tag": message.tag or fallback_tag,
            "requireInteraction": message.require_interaction,
            "renotify": message.renotify,
            "silent": message.silent,
            "vibrate": [] if message.silent else list(message.vibration),
            "actions": [
                _without_blanks(
                    {
                        "action": str(number),
                        "title": _text(action.title, language),
                        "icon": _url(action.icon),
                    }
                )
                for number, action in enumerate(message.actions)
            ],
        }
    )


def _text(
    texts: Mapping[str, str], language: str, *, is_url: bool = False
) -> str | Template | None:
    return _template(texts[_best(texts, language)], is_url=is_url) if texts else None


def _url(url: str | None) -> str | Template | None:
    return None if url is None else _template(url, is_url=True)


def _template(text: str, *, is_url: bool) -> str | Template:
    return parse(text, is_url=is_url)[0] if "${" in text else text


def _best(keys: Iterable[str], language: str | None) -> str:
    """Return the key that fits *language*, else English, else the first."""
    by_tag = {key.casefold(): key for key in keys}
    subtags = (language or "").casefold().split("-")
    while subtags:
        if (tag := "-".join(subtags)) in by_tag:
            return by_tag[tag]
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:  # a singleton never ends a range
            subtags.pop()
    return by_tag.get(FALLBACK_LANGUAGE) or next(iter(by_tag.values()))


def _payloads(
    message: Message | None, custom_data: str | None, *, is_fallback: bool
) -> Iterator[tuple[str, Payload]]:
    """Yield each language of *message* with its payload, whatever the id of the task."""
    for language in [FALLBACK_LANGUAGE] if message is None else message.title:
        yield (
            language,
            compile_payload(
                message,
                language,
                fallback_tag=_LONGEST_TAG,
                custom_data=custom_data,
                is_fallback=is_fallback,
            ),
        )


def _macro_faults(message: Message, path: str, *, by_language: bool) -> list[Fault]:
    flaws = [
        (field, flaw)
        for field, text, is_url in _texts_and_urls(message, path, by_language=by_language)
        for flaw in parse(text, is_url=is_url)[1]
    ]
    faults = [Fault(field, str(flaw)) for field, flaw in flaws[:_MOST_FLAWS]]
    if len(flaws) > _MOST_FLAWS:
        faults.append(Fault(path, f"has {len(flaws) - _MOST_FLAWS} more macros that are wrong"))
    if "${" in (message.tag or ""):
        faults.append(Fault(f"{path}.tag", "holds no macros (${...}): texts and URLs do"))
    return faults


def _texts_and_urls(
    message: Message, path: str, *, by_language: bool
) -> Iterator[tuple[str, str, bool]]:
    """Yield what macros may stand in: its field path, itself, and whether it is a URL."""

    def texts(
        field: str, by_key: Mapping[str, str], *, is_url: bool = False
    ) -> Iterator[tuple[str, str, bool]]:
        for key, text in by_key.items():
            yield f"{field}.{key}" if by_language else field, text, is_url

    def urls(field: str, **by_name: str | None) -> Iterator[tuple[str, str, bool]]:
        for name, url in by_name.items():
            if url is not None:
                yield f"{field}.{name}", url, True

    yield from texts(f"{path}.title", message.title)
    yield from texts(f"{path}.body", message.body)
    yield from texts(f"{path}.image", message.image, is_url=True)
    yield from urls(path, landing_url=message.landing_url, icon=message.icon, badge=message.badge)
    for number, action in enumerate(message.actions):
        button = f"{path}.actions.{number}"
        yield from texts(f"{button}.title", action.title)
        yield from urls(button, icon=action.icon, url=action.url)


def _without_blanks(shape: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shape.items() if value not in (None, False, [])}


def _flag(flag: bool) -> str:
    return "1" if flag else "0"
