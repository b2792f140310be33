"""The message token: nobody can make one, change one, or use one for ever."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.message_token import (
    EVENTS_COUNT_FOR_S,
    TOKEN_LENGTH,
    MessageRef,
    mint,
    read,
)
from tocsin.domain.signed_token import BadToken

KEY = b"k" * 32
TTL_OVER_MS = 1_767_225_600_000
LAST_MS = TTL_OVER_MS + EVENTS_COUNT_FOR_S * 1000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
REFS = st.builds(
    MessageRef, execution_id=st.integers(0, (1 << 64) - 1), ordinal=st.integers(0, (1 << 32) - 1)
)
TOKEN = mint(KEY, MessageRef(7, 42), expires_ms=TTL_OVER_MS)


@given(REFS, st.integers(0, 253_402_300_800_000))
def test_a_token_names_its_message_and_is_as_long_as_any_other(
    ref: MessageRef, expires_ms: int
) -> None:
    token = mint(KEY, ref, expires_ms=expires_ms)

    assert len(token) == TOKEN_LENGTH
    assert read(KEY, token, now_ms=0) == ref


@given(st.integers(0, 255), st.integers(0, 31))
def test_a_flipped_byte_is_refused(mask: int, position: int) -> None:
    raw = bytearray(urlsafe_b64decode(TOKEN + "="))
    raw[position] ^= mask or 1

    with pytest.raises(BadToken):
        read(KEY, urlsafe_b64encode(raw).rstrip(b"=").decode(), now_ms=0)


@given(st.integers(0, TOKEN_LENGTH - 1), st.sampled_from(ALPHABET + "+/=. é\x00"))
def test_another_character_is_refused(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    if changed == TOKEN:
        return

    with pytest.raises(BadToken):
        read(KEY, changed, now_ms=0)


@given(st.text() | st.text(ALPHABET, min_size=TOKEN_LENGTH, max_size=TOKEN_LENGTH))
def test_what_was_made_up_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        read(KEY, token, now_ms=0)


@pytest.mark.parametrize("length", range(TOKEN_LENGTH))
def test_a_part_of_it_is_refused(length: int) -> None:
    with pytest.raises(BadToken):
        read(KEY, TOKEN[:length], now_ms=0)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(TOKEN + "=", id="with padding"),
        pytest.param(TOKEN + "A", id="longer"),
        pytest.param(" " + TOKEN[:-1], id="a blank before"),
        pytest.param("\ud800" * TOKEN_LENGTH, id="surrogates"),
    ],
)
def test_another_spelling_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        read(KEY, token, now_ms=0)


def test_another_key_is_refused() -> None:
    with pytest.raises(BadToken, match="not signed by this server"):
        read(b"x" * 32, TOKEN, now_ms=0)


@pytest.mark.parametrize(
    ("now_ms", "counts"),
    [
        pytest.param(0, True, id="long before: the clocks may differ"),
        pytest.param(LAST_MS, True, id="in the last second"),
        pytest.param(LAST_MS + 999, True, id="at its end"),
        pytest.param(LAST_MS + 1000, False, id="after it"),
    ],
)
def test_its_age(now_ms: int, counts: bool) -> None:
    if counts:
        assert read(KEY, TOKEN, now_ms=now_ms) == MessageRef(7, 42)
    else:
        with pytest.raises(BadToken, match="over its age"):
            read(KEY, TOKEN, now_ms=now_ms)
