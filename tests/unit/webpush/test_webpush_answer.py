"""The whole answer table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.answer import LONGEST_WAIT_MS, Answer, Failure, Kind, read, retry_after_ms

NOW_MS = 1_445_412_475_500  # 2015-10-21T07:27:55.5Z
FCM = "fcm.googleapis.com"
MOZILLA = "updates.push.services.mozilla.com"
WINDOWS = "wns2-par02p.notify.windows.com"


@pytest.mark.parametrize(
    ("status", "host", "body", "kind", "wait_ms"),
    [
        pytest.param(200, FCM, "", Kind.ACCEPTED, None, id="200"),
        pytest.param(201, FCM, "", Kind.ACCEPTED, None, id="201"),
        pytest.param(202, FCM, "", Kind.ACCEPTED, None, id="202"),
        pytest.param(204, FCM, "", Kind.ACCEPTED, None, id="204"),
        *(
            pytest.param(status, FCM, "", Kind.REDIRECTED, None, id=str(status))
            for status in (300, 301, 302, 303, 304, 305, 307, 308)
        ),
        pytest.param(400, FCM, "", Kind.REJECTED, None, id="400"),
        pytest.param(
            400,
            "web.push.apple.com",
            '{"reason":"VapidPkHashMismatch"}',
            Kind.KEY_REFUSED,
            None,
            id="400, Apple: another key",
        ),
        pytest.param(401, MOZILLA, "", Kind.KEY_REFUSED, None, id="401"),
        pytest.param(402, FCM, "", Kind.REJECTED, None, id="402"),
        pytest.param(403, FCM, "", Kind.KEY_REFUSED, None, id="403"),
        pytest.param(404, FCM, "", Kind.GONE, None, id="404"),
        pytest.param(405, FCM, "", Kind.REJECTED, None, id="405"),
        pytest.param(406, FCM, "", Kind.REJECTED, None, id="406"),
        pytest.param(406, WINDOWS, "", Kind.THROTTLED, 7000, id="406, Windows: throttled"),
        pytest.param(
            406, "notify.windows.com.evil.example", "", Kind.REJECTED, None, id="406, lookalike"
        ),
        pytest.param(406, "xnotify.windows.com", "", Kind.REJECTED, None, id="406, no subdomain"),
        pytest.param(408, FCM, "", Kind.TROUBLE, 7000, id="408"),
        pytest.param(410, FCM, "", Kind.GONE, None, id="410"),
        pytest.param(413, FCM, "", Kind.REJECTED, None, id="413"),
        pytest.param(421, FCM, "", Kind.TROUBLE, 7000, id="421"),
        pytest.param(425, FCM, "", Kind.TROUBLE, 7000, id="425"),
        pytest.param(429, FCM, "", Kind.THROTTLED, 7000, id="429"),
        *(
            pytest.param(status, FCM, "", Kind.TROUBLE, 7000, id=str(status))
            for status in (500, 501, 502, 503, 504, 599)
        ),
        pytest.param(600, FCM, "", Kind.TROUBLE, 7000, id="600: no such status"),
        pytest.param(999, FCM, "", Kind.TROUBLE, 7000, id="999: no such status"),
    ],
)
def test_the_table(status: int, host: str, body: str, kind: Kind, wait_ms: int | None) -> None:
    verdict = read(Answer(status, "7", None, body), host=host, now_ms=NOW_MS)

    assert (verdict.kind, verdict.wait_ms) == (kind, wait_ms)
    assert verdict.reason


@pytest.mark.parametrize(
    ("host", "retry_after", "body", "wait_ms"),
    [
        pytest.param(MOZILLA, None, '{"code":503,"errno":202}', 0, id="Mozilla's 202: at once"),
        pytest.param(MOZILLA, None, '{"errno": 202, "err', 0, id="cut short"),
        pytest.param(MOZILLA, "5", '{"errno":202}', 5000, id="Retry-After rules"),
        pytest.param(MOZILLA, None, '{"errno":201}', None, id="another number"),
        pytest.param(MOZILLA, None, '{"errno":2020}', None, id="a longer number"),
        pytest.param(FCM, None, '{"errno":202}', None, id="another service"),
    ],
)
def test_503(host: str, retry_after: str | None, body: str, wait_ms: int | None) -> None:
    verdict = read(Answer(503, retry_after, None, body), host=host, now_ms=NOW_MS)

    assert (verdict.kind, verdict.wait_ms) == (Kind.TROUBLE, wait_ms)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(Answer(0, failure=Failure.UNREACHABLE), Kind.UNREACHABLE, id="unreachable"),
        pytest.param(Answer(0, failure=Failure.TLS), Kind.UNREACHABLE, id="TLS: nothing was sent"),
        pytest.param(
            Answer(0, failure=Failure.REFUSED_ADDRESS), Kind.UNREACHABLE, id="forbidden address"
        ),
        pytest.param(Answer(0, failure=Failure.AMBIGUOUS), Kind.AMBIGUOUS, id="ambiguous"),
        pytest.param(Answer(0), Kind.AMBIGUOUS, id="nothing known: the careful reading"),
        pytest.param(Answer(100), Kind.AMBIGUOUS, id="an interim answer, then nothing"),
        pytest.param(
            Answer(201, failure=Failure.AMBIGUOUS),
            Kind.ACCEPTED,
            id="the status arrived, then a reset",
        ),
    ],
)
def test_no_answer(answer: Answer, kind: Kind) -> None:
    assert read(answer, host=FCM, now_ms=NOW_MS).kind is kind


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("5", 5000, id="seconds"),
        pytest.param(" 5\t", 5000, id="blanks around"),
        pytest.param("0005", 5000, id="leading zeros"),
        pytest.param("86400", LONGEST_WAIT_MS, id="a day"),
        pytest.param("1000000000", LONGEST_WAIT_MS, id="ten to the ninth"),
        pytest.param("9" * 5000, LONGEST_WAIT_MS, id="five thousand nines"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", 4500, id="date"),
        pytest.param("Wednesday, 21-Oct-15 07:28:00 GMT", 4500, id="date of RFC 850"),
        pytest.param("Wed Oct 21 07:28:00 2015", 4500, id="date of asctime"),
        pytest.param("Thu Oct  1 07:28:00 2015", 0, id="date of asctime, one-digit day"),
        pytest.param("Wed, 21 Oct 2015 07:27:00 GMT", 0, id="a date gone by"),
        pytest.param("Friday, 21-Oct-94 07:28:00 GMT", 0, id="a two-digit year far ahead is past"),
        pytest.param("Fri, 21 Oct 2094 07:28:00 GMT", LONGEST_WAIT_MS, id="a date far ahead"),
        pytest.param("Wed, 21 Oct 2015 07:28:60 GMT", 63_500, id="leap second"),
        pytest.param(None, None, id="no header"),
        pytest.param("", None, id="empty"),
        pytest.param("abc", None, id="a word"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("+5", None, id="a sign"),
        pytest.param("٥", None, id="a digit that is not ASCII"),  # noqa: RUF001 - that is the point
        pytest.param("Wed, 32 Oct 2015 07:28:00 GMT", None, id="no such day"),
        pytest.param("Wed, 21 Foo 2015 07:28:00 GMT", None, id="no such month"),
        pytest.param("Wed, 21 Oct 2015 25:28:00 GMT", None, id="no such hour"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 CET", None, id="another time zone"),
        pytest.param("Wed, 21 Oct 0000 07:28:00 GMT", None, id="year zero"),
    ],
)
def test_retry_after(value: str | None, wait_ms: int | None) -> None:
    assert retry_after_ms(value, now_ms=NOW_MS) == wait_ms


@given(
    status=st.integers(0, 999),
    value=st.none() | st.text(max_size=40),
    body=st.text(max_size=200),
    failure=st.none() | st.sampled_from(Failure),
    now_ms=st.integers(0, 4_000_000_000_000),
)
def test_every_answer_has_a_verdict_and_no_wait_is_longer_than_a_day(
    status: int, value: str | None, body: str, failure: Failure | None, now_ms: int
) -> None:
    verdict = read(Answer(status, value, failure, body), host=FCM, now_ms=now_ms)

    assert verdict.wait_ms is None or 0 <= verdict.wait_ms <= LONGEST_WAIT_MS
