"""A stream comes in pieces cut anywhere; its lines are the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.web.imports import LONGEST_LINE_BYTES
from tocsin.web.ndjson import TOO_LONG, Lines

_LENGTHS = st.sampled_from([0, 1, 2, 50, LONGEST_LINE_BYTES - 1, LONGEST_LINE_BYTES]) | st.just(
    LONGEST_LINE_BYTES + 1
)


def lines_of(pieces: list[bytes]) -> list[bytes]:
    cut = Lines()
    found = [line for piece in pieces for line in cut.feed(piece)]
    return found + cut.end()


@given(
    st.lists(_LENGTHS, max_size=8), st.lists(st.integers(0, 300_000), max_size=20), st.booleans()
)
def test_lines_are_the_same_wherever_pieces_are_cut(
    lengths: list[int], cuts: list[int], ends: bool
) -> None:
    lines = [bytes([65 + number]) * length for number, length in enumerate(lengths)]
    stream = b"\n".join(lines) + b"\n" * ends
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(places)]

    wanted = stream.split(b"\n")
    if not wanted[-1]:
        wanted.pop()
    assert lines_of(pieces) == [
        line if len(line) <= LONGEST_LINE_BYTES else TOO_LONG for line in wanted
    ]


def test_of_a_line_without_an_end_no_more_is_kept_than_a_line_may_have() -> None:
    cut = Lines()
    for _ in range(100):
        assert cut.feed(b" " * 10_000) == []
        assert len(cut._begun) <= LONGEST_LINE_BYTES + 1

    assert cut.feed(b"\n{}\n{") == [TOO_LONG, b"{}"]
    assert cut.end() == [b"{"]
    assert cut.end() == []
