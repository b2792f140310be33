"""The headers of a push."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.webpush.request import MAX_TTL_S, TOPIC, Urgency, headers, topic

KEY = b"a key of thirty-two bytes, or so"


def test_headers() -> None:
    lines = headers(
        authorization="vapid t=a.b.c, k=d", ttl_s=3600, urgency=Urgency.LOW, topic="T-1"
    )

    assert lines == (
        "Content-Type: application/octet-stream",
        "Content-Encoding: aes128gcm",
        "TTL: 3600",
        "Urgency: low",
        "Topic: T-1",
        "Authorization: vapid t=a.b.c, k=d",
    )


@pytest.mark.parametrize("ttl_s", [0, MAX_TTL_S])
def test_ttl_at_its_bounds(ttl_s: int) -> None:
    assert f"TTL: {ttl_s}" in headers(
        authorization="vapid", ttl_s=ttl_s, urgency=Urgency.NORMAL, topic="T"
    )


@pytest.mark.parametrize(
    ("ttl_s", "name"),
    [
        pytest.param(-1, "T", id="ttl below"),
        pytest.param(MAX_TTL_S + 1, "T", id="ttl above"),
        pytest.param(0, "", id="no topic"),
        pytest.param(0, "T" * 33, id="long topic"),
        pytest.param(0, "T\r\nX: y", id="a topic with a line end"),
        pytest.param(0, "T\n", id="a topic that ends a line"),
    ],
)
def test_what_is_refused(ttl_s: int, name: str) -> None:
    with pytest.raises(ValueError, match=r"TTL|topic"):
        headers(authorization="vapid", ttl_s=ttl_s, urgency=Urgency.NORMAL, topic=name)


numbers = st.integers(-(2**63), 2**64 - 1)


@given(one=st.tuples(numbers, numbers), other=st.tuples(numbers, numbers))
def test_a_topic_is_lawful_and_names_one_message(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert TOPIC.fullmatch(topic(KEY, *one))
    assert (topic(KEY, *one) == topic(KEY, *other)) == (one == other)


def test_a_topic_depends_on_the_key() -> None:
    assert topic(KEY, 1, 1) != topic(KEY[::-1], 1, 1)
