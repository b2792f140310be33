"""Instants as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.instants import LAST_MS, InstantError, hood_text, iso_text, parse_instant

FEB_5 = 1_770_289_200_000  # 2026-02-05 11:00:00 GMT


@pytest.mark.parametrize(
    ("text", "instant_ms"),
    [
        pytest.param("2026-02-05 11:00:00", FEB_5, id="the vendor's form is GMT"),
        pytest.param("2026-02-05T11:00:00Z", FEB_5, id="RFC 3339, Zulu"),
        pytest.param("2026-02-05t11:00:00z", FEB_5, id="RFC 3339 in small letters"),
        pytest.param("2026-02-05T12:00:00+01:00", FEB_5, id="east of Greenwich is earlier"),
        pytest.param("2026-02-05T05:30:00-05:30", FEB_5, id="west of Greenwich is later"),
        pytest.param("2026-02-06T10:59:00+23:59", FEB_5, id="the largest offset"),
        pytest.param("2026-02-05T11:00:00-00:00", FEB_5, id="an unknown local offset is UTC"),
        pytest.param("2026-02-05 11:00:00Z", FEB_5, id="a blank for the T, with offset"),
        pytest.param("2026-02-05T11:00:00.25Z", FEB_5 + 250, id="a quarter of a second"),
        pytest.param("2026-02-05T11:00:00.123999999Z", FEB_5 + 123, id="finer digits are cut"),
        pytest.param("1970-01-01 00:00:00", 0, id="the first instant"),
        pytest.param("9999-12-31 23:59:59", LAST_MS - 999, id="the last second"),
        pytest.param("2024-02-29 00:00:00", 1_709_164_800_000, id="a leap day"),
    ],
)
def test_an_instant_is_read(text: str, instant_ms: int) -> None:
    assert instant_ms == parse_instant(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("2026-02-05T11:00:00", "must say its offset", id="T without offset"),
        pytest.param("2026-02-05T11:00:00.5", "must say its offset", id="fraction, no offset"),
        pytest.param("2026-02-05 11:00:00.5", "must say its offset", id="blank, fraction"),
        pytest.param("2026-02-05", "must be", id="a date alone"),
        pytest.param("2026-02-30 11:00:00", "not in the calendar", id="30 February"),
        pytest.param("2025-02-29 11:00:00", "not in the calendar", id="no leap year"),
        pytest.param("2026-02-05 24:00:00", "not in the calendar", id="hour 24"),
        pytest.param("2026-02-05T11:00:60Z", "not in the calendar", id="leap second"),
        pytest.param("0000-01-01 00:00:00", "not in the calendar", id="year 0"),
        pytest.param("2026-02-05T11:00:00+24:00", "offset +24:00", id="offset of a day"),
        pytest.param("2026-02-05T11:00:00+01:60", "offset +01:60", id="offset of 60 minutes"),
        pytest.param("1969-12-31 23:59:59", "years 1970 to 9999", id="before the first instant"),
        pytest.param("1970-01-01T00:00:00+01:00", "years 1970", id="before it by its offset"),
        pytest.param("9999-12-31T23:59:59-01:00", "years 1970", id="after the last by its offset"),
        pytest.param("2026-02-05 11:00:00 ", "must be", id="trailing blank"),
        pytest.param("2026-02-05 11:00:00\n", "must be", id="trailing newline"),
        pytest.param("2026-2-5 11:00:00", "must be", id="short month"),
        pytest.param("+2026-02-05 11:00:00", "must be", id="signed year"),
        pytest.param("2026-02-05 11:00", "must be", id="no seconds"),
        pytest.param("20260205T110000Z", "must be", id="basic form"),
        pytest.param("२०२६-02-05 11:00:00", "must be", id="digits of another script"),
        pytest.param("1770289200", "must be", id="Unix seconds"),
        pytest.param("Immediately", "must be", id="the word, but not as the contract has it"),
        pytest.param("", "must be", id="empty"),
    ],
)
def test_another_text_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InstantError) as refusal:
        parse_instant(text)

    assert sentence in str(refusal.value)


def test_the_two_forms_of_output() -> None:
    assert hood_text(FEB_5 + 999) == "2026-02-05 11:00:00"
    assert iso_text(FEB_5 + 999) == "2026-02-05T11:00:00Z"


@given(instant_ms=st.integers(0, LAST_MS))
def test_what_is_printed_is_read_back_to_the_second(instant_ms: int) -> None:
    second_ms = instant_ms // 1000 * 1000

    assert second_ms == parse_instant(hood_text(instant_ms)) == parse_instant(iso_text(instant_ms))


@given(text=st.text() | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*"))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    try:
        instant_ms = parse_instant(text)
    except InstantError:
        return
    assert 0 <= instant_ms <= LAST_MS
