"""Which rule meets whom, and how often."""

import json

import pytest

from tocsin.simulators.push_behaviour import Behaviour


def behaviour(*rules: dict[str, object]) -> Behaviour:
    made = Behaviour()
    made.replace(json.dumps(rules).encode())
    return made


def answers(made: Behaviour, *numbers: int) -> list[int | None]:
    chosen = [made.choose(n) for n in numbers]
    return [None if rule is None else rule.answer for rule in chosen]


@pytest.mark.parametrize(
    ("rules", "numbers", "expected"),
    [
        pytest.param([], [0, 1], [None, None], id="no rules"),
        pytest.param([{"answer": 500}], [0, 1, 1], [500, 500, 500], id="all, always"),
        pytest.param(
            [{"subscribers": {"modulo": 3, "remainder": 1}, "answer": 500}],
            [0, 1, 2, 3, 4],
            [None, 500, None, None, 500],
            id="modulo",
        ),
        pytest.param(
            [{"subscribers": {"from": 2, "to": 3}, "answer": 500}],
            [1, 2, 3, 4],
            [None, 500, 500, None],
            id="from and to, both ends in",
        ),
        pytest.param([{"times": 2, "answer": 500}], [0, 1, 2], [500, 500, None], id="times in all"),
        pytest.param(
            [{"times_each": 1, "answer": 500}],
            [0, 0, 1, 1],
            [500, None, 500, None],
            id="times each",
        ),
        pytest.param(
            [{"times_each": 1, "times": 2, "answer": 500}],
            [0, 0, 1, 2],
            [500, None, 500, None],
            id="times each and in all",
        ),
        pytest.param(
            [{"times": 1, "answer": 500}, {"answer": 429}], [0, 0], [500, 429], id="first wins"
        ),
        pytest.param(
            [{"subscribers": {"from": 1, "to": 1}, "times": 1, "answer": 500}],
            [0, 1, 1],
            [None, 500, None],
            id="whom a rule does not meet does not use it",
        ),
    ],
)
def test_choice(
    rules: list[dict[str, object]], numbers: list[int], expected: list[int | None]
) -> None:
    assert answers(behaviour(*rules), *numbers) == expected


def test_new_rules_begin_unused() -> None:
    made = behaviour({"times": 1, "answer": 500})
    answers(made, 0)

    made.replace(b'[{"times": 1, "answer": 503}]')

    assert answers(made, 0, 0) == [503, None]


def test_the_view_tells_what_was_used() -> None:
    made = behaviour({"times": 2, "subscribers": {"from": 0, "to": 9}})
    made.choose(1)

    assert made.view() == [{"times": 2, "subscribers": {"from": 0, "to": 9}, "used": 1}]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{}",
        "[1]",
        '[{"anser": 500}]',
        '[{"answer": 100}]',
        '[{"answer": 600}]',
        '[{"times": 0}]',
        '[{"delay_ms": -1}]',
        '[{"reset": "sometimes"}]',
        '[{"subscribers": {}}]',
        '[{"subscribers": {"modulo": 0}}]',
        '[{"subscribers": {"from": 1}}]',
        '[{"subscribers": {"modulo": 2, "from": 1, "to": 2}}]',
        '[{"retry_after": "1\\r\\nX: y"}]',
        '[{"retry_after": "1\\n"}]',
    ],
)
def test_what_is_no_rule(document: str) -> None:
    made = behaviour({"answer": 500})

    with pytest.raises(ValueError, match="validation error"):
        made.replace(document.encode())
    assert answers(made, 0) == [500]
