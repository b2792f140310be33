"""What targetings mean: one subscriber before one expression, without bitmaps."""

from typing import Any

import pytest
from targeting_bodies import custom, exclude, include

from tocsin.domain.criteria import (
    DAY_MS,
    Expression,
    Named,
    Subscribed,
    expression,
    in_order,
    means,
    named_in,
    passed,
)
from tocsin.domain.errors import Conflict
from tocsin.domain.subscriber import Fact, Standing
from tocsin.domain.targeting import Age, Targeting, read_targeting

NOW_MS = 1_770_289_200_000
NOBODY_NAMED = Named({}, {}, {})


def targeting(value: object) -> Targeting:
    read, faults = read_targeting(value)
    assert not faults
    return read


def meant(value: object, named: Named = NOBODY_NAMED) -> Expression:
    return expression(targeting(value), named, bounds=frozenset(), now_ms=NOW_MS)


def stands(*facts: Fact, days: float = 10) -> Standing:
    return Standing(frozenset({("users", "7"), *facts}), round(NOW_MS - days * DAY_MS))


CANADIAN = ("countries", "CA")
BRAZILIAN = [("languages", "pt-br"), ("languages", "pt")]
ON_A_HOST = [("applications", "a.b.com"), ("applications", "*.b.com"), ("applications", "*.com")]
TAGGED = [("user_data.tags", "a"), ("user_data.tags", "1")]


@pytest.mark.parametrize(
    ("value", "facts", "is_meant"),
    [
        pytest.param({}, [], True, id="no criteria mean everyone"),
        pytest.param({"countries": include("ca")}, [CANADIAN], True, id="has it"),
        pytest.param({"countries": include("RS", "CA")}, [CANADIAN], True, id="has one of them"),
        pytest.param({"countries": include("RS")}, [CANADIAN], False, id="has another"),
        pytest.param({"countries": include("RS")}, [], False, id="missing fails an include"),
        pytest.param({"countries": exclude("RS")}, [], True, id="missing passes an exclude"),
        pytest.param({"countries": exclude("RS")}, [CANADIAN], True, id="has none"),
        pytest.param({"countries": exclude("RS", "CA")}, [CANADIAN], False, id="has an excluded"),
        pytest.param(
            {"countries": include("CA"), "os": include("4")}, [CANADIAN], False, id="all must hold"
        ),
        pytest.param({"languages": include("pt")}, BRAZILIAN, True, id="pt matches pt-BR"),
        pytest.param({"languages": include("PT-br")}, BRAZILIAN, True, id="pt-BR matches itself"),
        pytest.param(
            {"languages": include("pt-BR")}, [("languages", "pt")], False, id="pt-BR and not pt"
        ),
        pytest.param({"languages": exclude("pt")}, BRAZILIAN, False, id="range excluded"),
        pytest.param({"applications": include("*.b.com")}, ON_A_HOST, True, id="wildcard"),
        pytest.param({"applications": include("*.COM")}, ON_A_HOST, True, id="any depth"),
        pytest.param({"applications": include("*.a.b.com")}, ON_A_HOST, False, id="not itself"),
        pytest.param({"applications": include("A.B.com")}, ON_A_HOST, True, id="case of hosts"),
        pytest.param({"users": include("7", "8")}, [], True, id="named user"),
        pytest.param({"users": include(8)}, [], False, id="another user"),
        pytest.param({"users": exclude(7)}, [], False, id="excluded user"),
        pytest.param({"users": exclude("8")}, [], True, id="user not excluded"),
        pytest.param({"accounts": include(2)}, [("accounts", "2")], True, id="account"),
        pytest.param({"apps": exclude(3)}, [("apps", "3")], False, id="container"),
        pytest.param({"regions": include(79)}, [("regions", "79")], True, id="region"),
        pytest.param(
            {"remote_users": include("ab")}, [("remote_users", "ab")], True, id="remote user"
        ),
        pytest.param(
            {"remote_users": include("AB")}, [("remote_users", "ab")], False, id="bytewise"
        ),
        pytest.param({"remote_users": exclude("ab")}, [], True, id="no remote user"),
        pytest.param(custom(tags=include("b", 1)), TAGGED, True, id="any of a list"),
        pytest.param(custom(tags=include("A")), TAGGED, False, id="case of values"),
        pytest.param(custom(tags=exclude("b", "a")), TAGGED, False, id="one of a list excluded"),
        pytest.param(custom(tag=include("a")), TAGGED, False, id="another key"),
        pytest.param(custom(tags=exclude("c"), x=exclude("y")), TAGGED, True, id="no such key"),
        pytest.param(custom(tags=include("a"), x=include("y")), TAGGED, False, id="each key"),
        pytest.param({"subscribed_age": {"from": 10, "to": 10}}, [], True, id="age"),
        pytest.param({"subscribed_age": {"from": 11}}, [], False, id="too young"),
        pytest.param({"subscribed_age": {"to": 9}}, [], False, id="too old"),
        pytest.param({"groups": include(1)}, [("apps", "3")], False, id="unknown group"),
        pytest.param({"groups": exclude(1)}, [("apps", "3")], True, id="unknown group excluded"),
        pytest.param({"segments": include(1)}, [], False, id="unknown segment"),
        pytest.param({"segments": exclude(1)}, [], True, id="unknown segment excluded"),
    ],
)
def test_who_is_meant(value: object, facts: list[Fact], is_meant: bool) -> None:
    assert means(meant(value), stands(*facts)) is is_meant


@pytest.mark.parametrize(
    ("age", "days", "is_meant"),
    [
        pytest.param((1, 1), 1, True, id="a day old"),
        pytest.param((1, 1), 1 - 1 / DAY_MS, False, id="a moment short of a day"),
        pytest.param((1, 1), 2 - 1 / DAY_MS, True, id="a moment short of two"),
        pytest.param((1, 1), 2, False, id="two days old"),
        pytest.param((0, 0), 0, True, id="new"),
        pytest.param((0, 0), 1, False, id="not new"),
        pytest.param((0, None), 9999, True, id="from 0 is everybody"),
        pytest.param((0, 0), -0.5, True, id="ahead of our clock is new"),
        pytest.param((1, None), -5, False, id="ahead of our clock is not old"),
        pytest.param((None, 2**32 - 1), 99999, True, id="no end"),
    ],
)
def test_age_is_counted_in_whole_days(
    age: tuple[int | None, int | None], days: float, is_meant: bool
) -> None:
    aged = expression(Targeting((Age(*age),)), NOBODY_NAMED, bounds=frozenset(), now_ms=NOW_MS)

    assert means(aged, stands(days=days)) is is_meant


def test_an_age_from_birth_has_no_bound() -> None:
    assert meant({"subscribed_age": {"from": 0}}).clauses == (
        Subscribed("subscribed_age", None, None),
    )


def test_groups_stand_for_their_members() -> None:
    named = Named({}, {"1": ["3", "4"], "2": []}, {"9": ["a.com", "*.b.com"]})

    on_four = stands(("apps", "4"))
    assert means(meant({"groups": include(1)}, named), on_four)
    assert not means(meant({"groups": exclude(2, 1)}, named), on_four)
    assert not means(meant({"groups": include(2)}, named), on_four)
    on_b = stands(("applications", "x.b.com"), ("applications", "*.b.com"))
    assert means(meant({"application_groups": include(9)}, named), on_b)
    assert not means(meant({"application_groups": include(9)}, named), on_four)


def test_segments_stand_for_their_targeting_whatever_their_depth() -> None:
    """The chain is longer than the stack of the interpreter is high."""
    chain: dict[str, Any] = {str(n): {"segments": include(n + 1)} for n in range(3000)}
    segments = {id_: targeting(value) for id_, value in chain.items()}
    segments["3000"] = targeting({"countries": include("CA")})

    whole = meant({"segments": include(0, 77_777)}, Named(segments, {}, {}))

    assert means(whole, stands(CANADIAN))
    assert not means(whole, stands())


def test_each_segment_is_judged_once_however_often_it_is_named() -> None:
    """Forty layers of two, each naming both of the next: 2^40 paths."""
    segments = {
        f"{layer * 2 + one}": targeting({"segments": exclude(layer * 2 + 2, layer * 2 + 3)})
        for layer in range(40)
        for one in (0, 1)
    } | {id_: targeting({"countries": include("CA")}) for id_ in ("80", "81")}

    assert means(meant({"segments": include(0)}, Named(segments, {}, {})), stands(CANADIAN))


@pytest.mark.parametrize(
    ("named", "said"),
    [
        pytest.param({"3": ["3"]}, "3 → 3", id="itself"),
        pytest.param({"3": ["5"], "5": ["4"], "4": ["3"]}, "3 → 5 → 4 → 3", id="by way of others"),
    ],
)
def test_a_circle_is_refused(named: dict[str, list[str]], said: str) -> None:
    with pytest.raises(Conflict, match="in a circle") as refused:
        in_order(named)

    ring = str(refused.value).rpartition(": ")[2].split(" → ")
    assert ring[0] == ring[-1]
    wanted = said.split(" → ")
    turned = [wanted[n:-1] + wanted[: n + 1] for n in range(len(wanted) - 1)]
    assert ring in turned


def test_what_a_targeting_names() -> None:
    value = {"segments": include(1, "2"), "users": include(3), "subscribed_age": {"to": 1}}

    assert named_in(targeting(value)) == ["1", "2"]
    assert named_in(targeting(value), "users") == ["3"]
    assert named_in(targeting(custom(segments=include("x")))) == []


def test_the_first_criterion_that_fails_is_found() -> None:
    value = {"countries": include("CA"), "user_data": {"a": exclude("x"), "b": include("y")}}
    whole = meant(value)

    assert [clause.name for clause in whole.clauses] == ["countries", "user_data.a", "user_data.b"]
    assert passed(whole, stands()) == 0
    assert passed(whole, stands(CANADIAN, ("user_data.a", "x"), ("user_data.b", "y"))) == 1
    assert passed(whole, stands(CANADIAN)) == 2
    assert passed(whole, stands(CANADIAN, ("user_data.b", "y"))) == 3


def test_bounds_hold_for_everybody() -> None:
    bounded = expression(
        Targeting(()), NOBODY_NAMED, bounds=frozenset({("accounts", "2")}), now_ms=NOW_MS
    )

    assert means(bounded, stands(("accounts", "2")))
    assert not means(bounded, stands(("accounts", "1")))
