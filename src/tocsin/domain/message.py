"""A push message: its languages, the payload that a browser gets, and whether that fits."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tocsin.domain.errors import Fault

# One aes128gcm record in a body of 4096 bytes, less header, delimiter and tag (RFC 8291 section 4)
MAX_PLAINTEXT_BYTES: Final = 3993
# A message without a tag of its own gets one from its task; no longer than this, so that the
# size is known before the task has an id.
MAX_FALLBACK_TAG_BYTES: Final = 40
FALLBACK_LANGUAGE: Final = "en"


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


@dataclass(frozen=True, slots=True)
class Payload:
    """The JSON that the service worker reads, cut where the message token goes."""

    head: bytes
    tail: bytes

    def fill(self, token: str) -> bytes:
        """Return the payload of the message that *token* names (unpadded base64url and dots)."""
        return self.head + token.encode("ascii") + self.tail

    def size(self, token_length: int) -> int:
        """Return how many bytes of plaintext a token of *token_length* characters makes."""
        return len(self.head) + token_length + len(self.tail)


def choose_language(message: Message, language: str | None) -> str:
    """Return the key of *message*'s title that suits a subscriber of *language* best.

    Source: RFC 4647 section 3.4 (lookup) with one range; else English, else the first key.
    """
    return _best(message.title, language)


def compile_payload(
    message: Message, language: str, *, fallback_tag: str, custom_data: str | None
) -> Payload:
    """Return the payload for those whose chosen language is *language*, ready for its tokens.

    language: from choose_language, so that a parcel compiles once per key and not per subscriber.
    fallback_tag: stands in for a missing tag, at most 40 bytes. custom_data: a JSON object as text.
    Source: contract.md section 4, last paragraph. A key without a value is left out, for the
    Notification API would read null as text. A silent message does not vibrate: together they make
    showNotification throw.
    """
    rest: dict[str, Any] = {
        "title": _text(message.title, language),
        "options": _options(message, language, fallback_tag),
        "url": message.landing_url,
        "action_urls": [action.url for action in message.actions],
    }
    if custom_data is not None:
        rest["custom"] = json.loads(custom_data)
    text = json.dumps(rest, ensure_ascii=False, separators=(",", ":"))
    return Payload(head=b'{"v":1,"token":"', tail=b'",' + text[1:].encode())


def message_faults(
    message: Message,
    *,
    path: str = "message",
    by_language: bool = True,
    custom_data: str | None,
    token_length: int,
) -> list[Fault]:
    """Return what is wrong with *message* beyond the shape of its single fields.

    path: where it stands in its body; by_language: its texts stand there by language.
    token_length: of the message tokens to come, in characters. custom_data: readable JSON text.
    """
    faults = list(_macro_faults(message))
    if message.renotify and not message.tag:
        faults.append(Fault(f"{path}.renotify", "needs a tag: it says what the message replaces"))
    for language in message.title:
        payload = compile_payload(
            message,
            language,
            fallback_tag="-" * MAX_FALLBACK_TAG_BYTES,
            custom_data=custom_data,
        )
        over = payload.size(token_length) - MAX_PLAINTEXT_BYTES
        if over > 0:
            faults.append(
                Fault(
                    path,
                    f"is {over} bytes too large in language {language}: with texts, URLs and "
                    f"custom_data it must fit the {MAX_PLAINTEXT_BYTES} bytes of one push",
                )
            )
    return faults


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
            "icon": message.icon,
            "image": _text(message.image, language),
            "badge": message.badge,
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
                        "icon": action.icon,
                    }
                )
                for number, action in enumerate(message.actions)
            ],
        }
    )


def _text(texts: Mapping[str, str], language: str) -> str | None:
    return texts[_best(texts, language)] if texts else None


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


def _macro_faults(message: Message) -> Iterator[Fault]:
    """Name every text and URL with a macro: the check of domain/macros.py comes in here."""
    for field, text in _texts_and_urls(message):
        if "${" in text:
            yield Fault(field, "macros (${...}) are not supported yet by this version of Tocsin")


def _texts_and_urls(message: Message) -> Iterator[tuple[str, str]]:
    """Yield what macros may stand in, each with its field path."""
    for name, texts in (("title", message.title), ("body", message.body), ("image", message.image)):
        yield from ((f"message.{name}.{language}", text) for language, text in texts.items())
    yield "message.landing_url", message.landing_url
    for name, url in (("icon", message.icon), ("badge", message.badge)):
        if url is not None:
            yield f"message.{name}", url
    for number, action in enumerate(message.actions):
        path = f"message.actions.{number}"
        yield from ((f"{path}.title.{key}", text) for key, text in action.title.items())
        for name, url in (("icon", action.icon), ("url", action.url)):
            if url is not None:
                yield f"{path}.{name}", url


def _without_blanks(shape: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shape.items() if value not in (None, False, [])}


def _flag(flag: bool) -> str:
    return "1" if flag else "0"
