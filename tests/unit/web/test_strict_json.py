"""The strict loader, and the way to it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from loops import run
from tocsin.domain.errors import BodyTooLarge, Unreadable, UnsupportedMediaType
from tocsin.domain.strict_json import _DECODER, _Parser, loads, loads_text
from tocsin.web.strict_json import MAX_BODY_BYTES, read_body

MEBIBYTE = 1024 * 1024


def nested(levels: int) -> bytes:
    """Return an object with *levels* levels, itself counted."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def read_or_refused(body: bytes) -> dict[str, Any] | bytes:
    """Return the object, or the sentence of the refusal as it would be sent."""
    try:
        return loads(body)
    except Unreadable as refusal:
        return str(refusal).encode()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b"{}", {}, id="empty object"),
        pytest.param(b' \t\r\n{"a": 1}\n', {"a": 1}, id="blanks around"),
        pytest.param(b'{"a": -0, "b": -12}', {"a": 0, "b": -12}, id="negative numbers"),
        pytest.param(b'{"a": 99999999999999999999}', {"a": 10**20 - 1}, id="20 digits"),
        pytest.param(b'{"a": -18446744073709551616}', {"a": -(2**64)}, id="20 digits and a sign"),
        pytest.param(b'{"a": 1.5e308}', {"a": 1.5e308}, id="a large float"),
        pytest.param(b'{"a": 1e-999}', {"a": 0.0}, id="a float too small to tell from 0"),
        pytest.param(b'{"a": [{"b": 1}, {"b": 2}]}', {"a": [{"b": 1}, {"b": 2}]}, id="twin keys"),
        pytest.param(b'{"a": {"a": {"a": 1}}}', {"a": {"a": {"a": 1}}}, id="a key inside itself"),
        pytest.param("{'a': 'ž€😀'}".replace("'", '"').encode(), {"a": "ž€😀"}, id="raw UTF-8"),
        pytest.param(rb'{"a": "\u017e\ud83d\ude00"}', {"a": "ž😀"}, id="a whole surrogate pair"),
        pytest.param(rb'{"a": "\\u0000 \\ud800"}', {"a": "\\u0000 \\ud800"}, id="no escape at all"),
        pytest.param(b'{"a": "\x7f"}', {"a": "\x7f"}, id="DEL may stand raw"),
        pytest.param(
            b'{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": "[" * 35}, id="in text"
        ),
        pytest.param(
            b'{"a": "\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": '"' + "[" * 34}, id="q"
        ),
    ],
)
def test_a_good_body_is_read(body: bytes, value: dict[str, Any]) -> None:
    assert value == loads(body)


def test_32_levels_are_read_and_33_are_not() -> None:
    loads(nested(32))
    with pytest.raises(Unreadable, match="nested deeper than 32 levels"):
        loads(nested(33))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b" \r\n\t", "is empty", id="blanks"),
        pytest.param(b"\xef\xbb\xbf{}", "byte order mark", id="BOM"),
        pytest.param('{"a": 1}'.encode("utf-16"), "UTF-16", id="UTF-16 with its mark"),
        pytest.param('{"a": 1}'.encode("utf-16-le"), "UTF-16", id="UTF-16 little"),
        pytest.param('{"a": 1}'.encode("utf-16-be"), "UTF-16", id="UTF-16 big"),
        pytest.param('{"a": 1}'.encode("utf-32"), "UTF-16 or UTF-32", id="UTF-32 with its mark"),
        pytest.param('{"a": 1}'.encode("utf-32-be"), "UTF-16 or UTF-32", id="UTF-32 big"),
        pytest.param(b'{"a": "\xe9"}', "not UTF-8 at byte 7", id="Latin-1"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', "not UTF-8", id="raw surrogate"),
        pytest.param(b'{"a": "\xc0\xaf"}', "not UTF-8", id="overlong"),
        pytest.param(b'{"a": "\xf4\x90\x80\x80"}', "not UTF-8", id="beyond U+10FFFF"),
        pytest.param(b'{"a": "\xe2\x82', "not UTF-8", id="cut inside a character"),
        pytest.param(b'{"a": 1, "a": 2}', "the key a more than once", id="twin keys"),
        pytest.param(b'{"a": {"b": [0, {"c": 1, "c": 1}]}}', "key a.b.1.c more", id="deep twins"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', "the key a more than once", id="twins by escape"),
        pytest.param(
            b'{"x": {"b": 1, "b": 2}, "x": 1}', "the key x more than once", id="twins drop twins"
        ),
        pytest.param(b'{"a": NaN}', "has NaN", id="NaN"),
        pytest.param(b'{"a": Infinity}', "has Infinity", id="Infinity"),
        pytest.param(b'{"a": -Infinity}', "has -Infinity", id="-Infinity"),
        pytest.param(b'{"a": 1e999}', "too large: 1e999", id="overflow"),
        pytest.param(b'{"a": -1.0e400}', "too large: -1.0e400", id="negative overflow"),
        pytest.param(b'{"a": 100000000000000000000}', "more than 20 digits", id="21 digits"),
        pytest.param(rb'{"a": "\ud800"}', "lone surrogate in a", id="high half"),
        pytest.param(rb'{"a": ["x", "\uDC00 x"]}', "lone surrogate in a.1", id="low half"),
        pytest.param(rb'{"a": "\ude00\ud83d"}', "lone surrogate", id="halves swapped"),
        pytest.param(rb'{"a": {"\ud800": 1}}', r"lone surrogate in a.\ud800", id="half in a key"),
        pytest.param(rb'{"a": "\u0000"}', "NUL character in a", id="NUL"),
        pytest.param(rb'{"\u0000": 1}', "NUL character", id="NUL in a key"),
        pytest.param(rb'{"a": "\\\u0000"}', "NUL character in a", id="NUL behind a backslash"),
        pytest.param(b'{"a": "\x00"}', "not JSON", id="raw NUL"),
        pytest.param(b'{"a": "\n"}', "not JSON", id="raw newline in text"),
        pytest.param(b"[]", "is an array", id="array"),
        pytest.param(b'"a"', "is text", id="text"),
        pytest.param(b"7", "is a number", id="integer"),
        pytest.param(b"7.5", "is a number", id="float"),
        pytest.param(b"true", "is true or false", id="boolean"),
        pytest.param(b"null", "is null", id="null"),
        pytest.param(b"{} {}", "not JSON: Extra data at line 1, column 4", id="two documents"),
        pytest.param(b'{"a": 1,}', "not JSON", id="trailing comma"),
        pytest.param(b"{a: 1}", "not JSON", id="bare key"),
        pytest.param(b"{'a': 1}", "not JSON", id="single quotes"),
        pytest.param(b'{"a": 01}', "not JSON", id="leading zero"),
        pytest.param(b'{"a": +1}', "not JSON", id="plus sign"),
        pytest.param(b'{"a": .5}', "not JSON", id="bare fraction"),
        pytest.param(b'{"a": 0x10}', "not JSON", id="hexadecimal"),
        pytest.param(b'{"a": 1} // x', "not JSON", id="comment"),
        pytest.param(b'{"a": "\\x41"}', "not JSON", id="unknown escape"),
        pytest.param(b'{"a"', "not JSON", id="cut off"),
        pytest.param(b"a=1&b=2", "not JSON", id="a form"),
        pytest.param(b"\x0b{}", "not JSON", id="a blank that JSON has not"),
        pytest.param("\u00a0{}".encode(), "not JSON", id="a no-break space"),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        loads(body)

    assert sentence in str(refusal.value)
    str(refusal.value).encode()  # fit to be sent


def test_numbers_are_read_exactly_where_that_is_asked_for() -> None:
    body = b'{"a": 0.1, "b": 1e308, "c": -1E+400, "d": 7, "e": 1.%s}' % (b"7" * 62)

    found = loads(body, exact=True)

    texts = {key: str(value) for key, value in found.items()}
    assert texts == {"a": "0.1", "b": "1E+308", "c": "-1E+400", "d": "7", "e": "1." + "7" * 62}
    assert type(found["a"]) is Decimal


@pytest.mark.parametrize("digits", ["1." + "7" * 63, "1e" + "9" * 19, "-1E-" + "9" * 40])
def test_a_number_that_no_decimal_can_say_is_refused(digits: str) -> None:
    with pytest.raises(Unreadable, match="has a number that is too long"):
        loads(b'{"a": %s}' % digits.encode(), exact=True)


def test_a_sentence_calls_the_text_as_told() -> None:
    with pytest.raises(Unreadable, match=r"^line 7 is empty"):
        loads(b"", what="line 7")
    with pytest.raises(Unreadable, match=r"^its text is an array"):
        loads_text("[]", what="its text")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * MEBIBYTE, id="only opening"),
        pytest.param(b'{"a":' * (MEBIBYTE // 5), id="objects in objects"),
        pytest.param(b"[]" * (MEBIBYTE // 2), id="pairs of brackets"),
        pytest.param(b'{"a":' + b"1" * (MEBIBYTE - 6) + b"}", id="a number of a million digits"),
        pytest.param(b'{"a":0.' + b"1" * (MEBIBYTE - 8) + b"}", id="a million decimals"),
        pytest.param(b'{"a":1e' + b"9" * (MEBIBYTE - 8) + b"}", id="an exponent of a million"),
        pytest.param(b"{" + b'"a":1,' * 150_000 + b'"b":1}', id="150,000 twin keys"),
        pytest.param(b'{"x":[' + b'{"a":1,"a":2},' * 70_000 + b"1]}", id="70,000 pairs of twins"),
        pytest.param(b'"' * MEBIBYTE, id="quotes"),
        pytest.param(b'{"a":"' + b"\\" * (MEBIBYTE - 6), id="backslashes"),
        pytest.param(b'{"a":"' + b"x" * (MEBIBYTE - 6), id="a text without end"),
        pytest.param(b'{"a":' + b'"\\",' * (MEBIBYTE // 4 - 2), id="quotes that are escaped"),
        pytest.param(b'{"a":[' + b"{}," * 340_000 + rb'"\ud800"]}', id="half a pair at the end"),
        pytest.param(b"\n" * (MEBIBYTE - 1) + b"x", id="newlines"),
    ],
)
def test_a_hostile_body_is_read_or_refused_in_few_words(body: bytes) -> None:
    assert len(body) <= MEBIBYTE
    answer = read_or_refused(body)
    assert isinstance(answer, dict) or len(answer) < 200


JSON_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19), 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | JSON_TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXTS, inner, max_size=4),
    max_leaves=12,
)
JSON_OBJECTS = st.dictionaries(JSON_TEXTS, JSON_VALUES, max_size=5)


@given(body=st.binary() | st.text(alphabet='{}[]",:\\u0d8e1-.NaI \0').map(str.encode))
def test_any_bytes_are_an_object_or_unreadable(body: bytes) -> None:
    assert isinstance(read_or_refused(body), dict | bytes)


@given(value=JSON_OBJECTS, ascii_only=st.booleans())
def test_what_json_writes_is_read_back(value: dict[str, Any], ascii_only: bool) -> None:
    assert value == loads(json.dumps(value, ensure_ascii=ascii_only).encode())


@given(value=JSON_OBJECTS, spoilt=st.integers(0, 200), by=st.sampled_from('{}[]",:\\0-1.e9NIa'))
def test_the_quick_way_takes_nothing_else(value: dict[str, Any], spoilt: int, by: str) -> None:
    """What is taken at once is what the parser that tells what is wrong would have read."""
    text = json.dumps(value)
    text = text[: spoilt % len(text)] + by + text[spoilt % len(text) + 1 :]
    try:
        taken = _DECODER.decode(text)
    except ValueError:
        return

    assert repr(_Parser("the body").parse(text)) == repr(taken)


@given(value=JSON_OBJECTS, at=st.integers(0, 200), byte=st.integers(0, 255))
def test_a_mutated_body_is_an_object_or_unreadable(
    value: dict[str, Any], at: int, byte: int
) -> None:
    body = bytearray(json.dumps(value).encode())
    body[at % len(body)] = byte
    assert isinstance(read_or_refused(bytes(body)), dict | bytes)


class Sender:
    """A client that sends *chunks* and remembers how many of them were taken."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        chunk = self._chunks[self.taken]
        self.taken += 1
        more = self.taken < len(self._chunks)
        return {"type": "http.request", "body": chunk, "more_body": more}

    def request(self, *headers: tuple[str, str]) -> Request:
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        return Request({"type": "http", "method": "POST", "headers": raw}, self.receive)


AS_JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([AS_JSON], id="plain"),
        pytest.param([("Content-Type", "application/json; charset=utf-8")], id="with charset"),
        pytest.param([("Content-Type", 'Application/JSON;CHARSET="UTF-8"')], id="in capitals"),
        pytest.param([("Content-Type", "application/json; version=1")], id="another parameter"),
        pytest.param([AS_JSON, ("Content-Encoding", "identity")], id="not encoded"),
        pytest.param([AS_JSON, ("Content-Length", "4")], id="with its length"),
    ],
)
def test_a_body_is_read(headers: list[tuple[str, str]]) -> None:
    request = Sender(b"{", b"", b" ", b"", b"} ").request(*headers)

    assert run(read_body(request)) == b"{ } "


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        pytest.param([], "a body without a type", id="no type"),
        pytest.param([("Content-Type", "")], "a body without a type", id="empty type"),
        pytest.param([("Content-Type", "text/plain")], "type text/plain", id="another type"),
        pytest.param([("Content-Type", "text/json")], "type text/json", id="a likely type"),
        pytest.param([("Content-Type", "application/jsonx")], "jsonx", id="a longer type"),
        pytest.param(
            [("Content-Type", "application/x-www-form-urlencoded")], "form", id="curl -d alone"
        ),
        pytest.param([AS_JSON, AS_JSON], "application/json,application/json", id="twice"),
        pytest.param(
            [("Content-Type", "application/json; charset=latin-1")], "latin-1", id="Latin-1"
        ),
        pytest.param([("Content-Type", "application/json;charset=utf-16")], "utf-16", id="UTF-16"),
        pytest.param([AS_JSON, ("Content-Encoding", "gzip")], "encoding gzip", id="compressed"),
        pytest.param([AS_JSON, ("Content-Encoding", "identity, br")], "br", id="half compressed"),
    ],
)
def test_another_media_type_is_refused_unread(
    headers: list[tuple[str, str]], sentence: str
) -> None:
    sender = Sender(b"{}")

    with pytest.raises(UnsupportedMediaType) as refusal:
        run(read_body(sender.request(*headers)))

    assert sentence in str(refusal.value)
    assert sender.taken == 0


def test_a_beacon_is_read_where_a_route_takes_text() -> None:
    request = Sender(b"{}").request(("Content-Type", "text/plain;charset=UTF-8"))

    body = run(read_body(request, media_types=("application/json", "text/plain")))

    assert body == b"{}"


def test_the_limit_is_the_largest_body() -> None:
    request = Sender(b"x" * MAX_BODY_BYTES).request(AS_JSON)

    assert len(run(read_body(request))) == MAX_BODY_BYTES


def test_reading_stops_where_the_limit_is_passed() -> None:
    sender = Sender(b"12345", b"67890", b"1", b"never", b"read")

    with pytest.raises(BodyTooLarge):
        run(read_body(sender.request(AS_JSON), limit_bytes=10))

    assert sender.taken == 3


@pytest.mark.parametrize("length", ["11", "9" * 5000])
def test_a_body_announced_too_large_is_not_read_at_all(length: str) -> None:
    sender = Sender(b"1")

    with pytest.raises(BodyTooLarge):
        run(read_body(sender.request(AS_JSON, ("Content-Length", length)), limit_bytes=10))

    assert sender.taken == 0
