"""Which rule meets which question, and which rules cannot be."""

import json

import pytest

from tocsin.simulators.exchange_behaviour import Behaviour


def behaviour(*rules: dict[str, object]) -> Behaviour:
    made = Behaviour()
    made.replace(json.dumps(rules).encode())
    return made


@pytest.mark.parametrize(
    ("rule", "met"),
    [
        pytest.param({}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], id="all"),
        pytest.param({"times": 2}, [1, 2], id="times"),
        pytest.param({"questions": {"modulo": 4, "remainder": 1}}, [1, 5, 9], id="modulo"),
        pytest.param({"share": 0.3}, [4, 7, 10], id="a share, spread evenly"),
        pytest.param({"share": 1}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], id="the whole"),
        pytest.param({"share": 0.5, "times": 2}, [2, 4], id="a share, some times"),
        pytest.param({"share": 0.5, "questions": {"modulo": 2}}, [4, 8], id="a share of some"),
        pytest.param({"protocol": "openrtb"}, [], id="another protocol"),
        pytest.param({"currency": "EUR"}, [], id="a currency, which feeds have not"),
        pytest.param({"path": "/feed/b"}, [], id="another path"),
        pytest.param({"path": "/feed/a", "protocol": "feed"}, list(range(1, 11)), id="this path"),
    ],
)
def test_whom_a_rule_meets(rule: dict[str, object], met: list[int]) -> None:
    made = behaviour(rule)

    assert [n for n in range(1, 11) if made.choose("feed", "/feed/a", n) is not None] == met
    assert made.view() == [{**rule, "used": len(met)}]


def test_the_first_rule_that_meets_it_is_used() -> None:
    made = behaviour({"times": 1, "answer": 500}, {"empty": True})

    first, second = made.choose("feed", "/feed", 1), made.choose("feed", "/feed", 2)

    assert (first and first.answer, second and second.empty) == (500, True)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        pytest.param({"answr": 500}, "answr", id="unknown"),
        pytest.param({"answer": 200}, "greater than or equal to 201", id="no misbehaviour"),
        pytest.param({"answer": 500, "html": True}, "answer and html", id="two answers"),
        pytest.param({"empty": True, "price": "1"}, "empty and price", id="a price of no ad"),
        pytest.param(
            {"reset": True, "drip": {"pieces": 2, "every_ms": 1}}, "reset and drip", id="no body"
        ),
        pytest.param(
            {"answer": 204, "drip": {"pieces": 2, "every_ms": 1}}, "answer and drip", id="nor here"
        ),
        pytest.param({"protocol": "feed", "currency": "EUR"}, "no currency", id="feed currency"),
        pytest.param({"redirect": "http://a/\r\nX: y"}, "pattern", id="a header in the URL"),
        pytest.param({"share": 0}, "greater than 0", id="a share of nothing"),
        pytest.param({"gzip_bytes": 1 << 40}, "less than", id="more than memory"),
    ],
)
def test_what_is_no_rule(rule: dict[str, object], reason: str) -> None:
    made = behaviour({"answer": 500})

    with pytest.raises(ValueError, match=reason):
        made.replace(json.dumps([rule]).encode())
    assert made.view() == [{"answer": 500, "used": 0}]
