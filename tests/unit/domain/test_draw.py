"""Draws and ads have one name each, and tokens carry it."""

import pytest

from tocsin.domain import ad_token, message_token
from tocsin.domain.adex import MOST_MESSAGES
from tocsin.domain.draw import (
    FALLBACK_SLOT,
    FIRST_PATH,
    MOST_CLICKS,
    DrawRef,
    draw_of,
    is_fallback,
    may_draw,
    path_in,
)
from tocsin.domain.message_token import EVENTS_COUNT_FOR_S, MessageRef
from tocsin.domain.signed_token import BadToken

KEY = b"k" * 32
NOW_MS = 1_800_000_000_000


def test_what_a_draw_shows_leads_back_to_it() -> None:
    shown = {path_in(FIRST_PATH, slot) for slot in (*range(MOST_MESSAGES), FALLBACK_SLOT)}

    assert len(shown) == MOST_MESSAGES + 1
    assert {draw_of(path) for path in shown} == {FIRST_PATH}
    assert FIRST_PATH not in shown


def test_clicks_that_follow_each_other_have_paths_of_their_own() -> None:
    first = path_in(FIRST_PATH, 3)
    second = path_in(first, 0)

    assert second not in {path_in(FIRST_PATH, slot) for slot in range(MOST_MESSAGES)}
    assert draw_of(second) == first


def test_a_click_on_an_ad_may_draw_and_one_on_a_fallback_may_not() -> None:
    assert may_draw(FIRST_PATH)
    assert may_draw(path_in(FIRST_PATH, MOST_MESSAGES - 1))
    assert not may_draw(path_in(FIRST_PATH, FALLBACK_SLOT))
    assert is_fallback(path_in(FIRST_PATH, FALLBACK_SLOT))
    assert not is_fallback(FIRST_PATH)


def test_clicks_may_not_follow_each_other_for_ever() -> None:
    path = FIRST_PATH
    for _ in range(MOST_CLICKS):
        path = path_in(path, MOST_MESSAGES - 1)
        assert may_draw(path)
    last = path_in(path, FALLBACK_SLOT)

    assert not may_draw(path_in(path, 0))
    assert last < 1 << 63  # databases count up to that


def test_an_ad_token_tells_its_ad() -> None:
    ref = DrawRef(2**64 - 1, 2**32 - 1, 2**60)

    token = ad_token.mint(KEY, ref, drawn_ms=NOW_MS)

    assert len(token) == ad_token.AD_TOKEN_LENGTH
    assert ad_token.read(KEY, token, now_ms=NOW_MS + EVENTS_COUNT_FOR_S * 1000) == ref
    with pytest.raises(BadToken, match="over its age"):
        ad_token.read(KEY, token, now_ms=NOW_MS + EVENTS_COUNT_FOR_S * 1000 + 1000)
    with pytest.raises(BadToken, match="not signed"):
        ad_token.read(b"x" * 32, token, now_ms=NOW_MS)


def test_an_altered_ad_token_is_refused() -> None:
    token = ad_token.mint(KEY, DrawRef(7, 8, 9), drawn_ms=NOW_MS)

    for place in range(len(token)):
        altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(BadToken):
            ad_token.read(KEY, altered, now_ms=NOW_MS)


def test_neither_token_is_taken_for_the_other() -> None:
    message = message_token.mint(KEY, MessageRef(7, 8), expires_ms=NOW_MS)
    ad = ad_token.mint(KEY, DrawRef(7, 8, 1), drawn_ms=NOW_MS)

    with pytest.raises(BadToken):
        ad_token.read(KEY, message, now_ms=NOW_MS)
    with pytest.raises(BadToken):
        message_token.read(KEY, ad, now_ms=NOW_MS)
