"""What became of one person, whatever it was; and why somebody was not addressed at all."""

from typing import Any

import pytest
from courier import Courier, settle
from sqlalchemy import update
from world import World

from tocsin.domain.account import Account
from tocsin.domain.attempt import Attempt, Unanswered
from tocsin.domain.container import Container
from tocsin.domain.errors import NotFound
from tocsin.domain.execution import Execution
from tocsin.domain.outcome import Outcome
from tocsin.domain.parcel import Retry
from tocsin.domain.schedule import QuietTime
from tocsin.services.recipients import Account as Became
from tocsin.store.tables import execution

SHARD = 1 << 20
HOUR_MS = 3_600_000
SERBIA = {"countries": {"op": "include", "items": ["RS"]}}


@pytest.fixture
def owner(world: World) -> Account:
    """Return a tenant."""
    return world.account()


@pytest.fixture
def site(world: World, owner: Account) -> Container:
    """Return a site of the tenant."""
    return world.container(owner)


def became(world: World, owner: Account, found: Execution, user_id: int) -> Became:
    return world.recipient_service.account(
        owner.scope, found.task_id, found.id, user_id, now_ms=world.clock.now_ms()
    )


@pytest.mark.parametrize(
    ("outcome", "attempt", "reason"),
    [
        (Outcome.ACCEPTED, (1, 201), "accepted by the push service (201)"),
        (Outcome.GONE, (1, 410), "the push service says that the subscription is over (410)"),
        (Outcome.REJECTED, (1, 403), "the push service refused the VAPID key (403)"),
        (Outcome.REJECTED, (0, Unanswered.LEFT), "they were no active subscriber any more"),
        (
            Outcome.FAILED,
            (9, 503),
            "no attempt was left; at the last one the push service was in trouble (503)",
        ),
        (Outcome.EXPIRED, (0, Unanswered.OUT_OF_TIME), "the message's TTL was over before"),
        (
            Outcome.EXPIRED,
            (2, 429),
            "the message's TTL ran out; before, the push service throttled",
        ),
        (
            Outcome.PENDING,
            (1, Unanswered.UNREACHABLE),
            "waiting for another attempt; at the last one the push service could not be reached",
        ),
    ],
)
def test_each_outcome_is_told_with_what_the_push_service_said(
    world: World, owner: Account, outcome: Outcome, attempt: tuple[int, int], reason: str
) -> None:
    """attempt: how many attempts, and the last answer."""
    (attempts, answer), site = attempt, world.container(owner)
    people = [world.join(site, number).id for number in range(3)]
    found, now_ms = world.execute(owner), world.clock.now_ms()
    world.cut_all()
    courier = Courier(world)
    (held,) = courier.lease()
    held.note(1, Attempt(attempts, answer, now_ms))
    if outcome is Outcome.PENDING:
        held.retries[1] = Retry(now_ms + 5000)
    else:
        held.settle(1, outcome)

    courier.give_back(held)

    told = became(world, owner, found, people[1])
    status = answer if answer >= 100 else None
    assert (told.outcome, told.attempts, told.at_ms, told.answer) == (
        outcome,
        attempts,
        now_ms,
        status,
    )
    assert told.reason.startswith(reason)
    assert became(world, owner, found, people[2]) == Became(Outcome.PENDING, "waiting to be sent")


@pytest.mark.parametrize(
    ("command", "outcome", "reason"),
    [
        ("cancel", Outcome.CANCELLED, "the execution was cancelled"),
        ("run", Outcome.SUPERSEDED, "a later execution of the task took the place of this one"),
    ],
)
def test_who_was_swept_up_is_told_of_the_end(
    world: World, owner: Account, command: str, outcome: Outcome, reason: str
) -> None:
    somebody = world.join(world.container(owner), 1).id
    found = world.execute(owner)
    world.cut_all()
    now_ms = world.clock.forward(1)

    getattr(world.commands, command)(owner.scope, found.task_id, now_ms=now_ms)
    before = became(world, owner, found, somebody)
    settle(world)

    assert before == Became(Outcome.PENDING, "waiting to be sent")
    assert became(world, owner, found, somebody) == Became(outcome, reason)


def test_who_was_suppressed_is_told_by_what(world: World, owner: Account, site: Container) -> None:
    """At 20:00 in Tokyo it is quiet until 7:00; that is after the next slot, or after the end."""
    somebody = world.join(site, 1, time_zone="Asia/Tokyo").id
    start_ms, quiet = world.clock.now_ms(), QuietTime(19, 7)
    overtaken = world.execute(owner, start=start_ms, frequency_s=3600, quiet_time=quiet)
    ended = world.execute(owner, start=start_ms, end_ms=start_ms + HOUR_MS, quiet_time=quiet)

    world.cut_all()

    assert became(world, owner, overtaken, somebody) == Became(
        Outcome.SUPERSEDED, "a later execution of the task took the place of this one"
    )
    assert became(world, owner, ended, somebody) == Became(
        Outcome.SUPERSEDED, "their own hour for it would have come after the task's end_time"
    )


def why_not(world: World, owner: Account, found: Execution, user_id: int) -> str:
    """Return why somebody was not addressed, and see that nothing else is told."""
    told = became(world, owner, found, user_id)
    assert told == Became(None, told.reason)
    return told.reason


@pytest.mark.parametrize(
    ("targeting", "reason"),
    [
        (SERBIA, "left out by the criterion countries"),
        (
            {"browsers": {"op": "exclude", "items": ["1"]}} | SERBIA,
            "left out by the criterion countries",
        ),
        (
            SERBIA | {"browsers": {"op": "include", "items": ["12"]}},
            "left out by the criterion countries",
        ),
        (
            {"user_data": {"plan": {"op": "include", "items": ["gold"]}}},
            "left out by the criterion user_data.plan",
        ),
    ],
)
def test_the_first_criterion_that_left_them_out_is_named(
    world: World, owner: Account, site: Container, targeting: dict[str, Any], reason: str
) -> None:
    somebody = world.join(site, 1, country="CA", browser=2).id
    found = world.execute(owner, targeting)
    world.cut_all()

    assert why_not(world, owner, found, somebody) == reason


def test_who_is_of_an_account_that_the_task_does_not_see(
    world: World, owner: Account, site: Container
) -> None:
    child = world.account(owner)
    roots, own = world.join(site, 1).id, world.join(world.container(child), 2).id
    found = world.execute(child)
    world.cut_all()

    assert why_not(world, owner, found, roots) == "left out by the criterion accounts"
    assert became(world, child, found, own).outcome is Outcome.PENDING
    with pytest.raises(NotFound, match="user"):
        became(world, child, found, roots)


def test_a_test_leaves_out_whom_it_does_not_name(
    world: World, owner: Account, site: Container
) -> None:
    named, other = (world.join(site, number).id for number in range(2))
    task_id = world.order(owner, start=2 * 10**12)
    world.commands.test(owner.scope, task_id, [str(named)], now_ms=world.clock.now_ms())
    world.cut_all()
    found = world.history(owner, task_id)[0].execution

    assert why_not(world, owner, found, other) == "left out by the criterion users"


def test_who_had_left_came_later_or_changed_since(
    world: World, owner: Account, site: Container
) -> None:
    left, changed = world.join(site, 1, country="RS"), world.join(site, 2, country="CA")
    world.subscribers.leave(site, left.id, left.secret)
    found = world.execute(owner, SERBIA, total_user=5)
    plain = world.execute(owner, SERBIA)
    world.cut_all()
    world.clock.forward(1)
    late = world.join(site, 3, country="RS")
    world.subscribers.change(site, changed.id, changed.secret, {"country": "RS"})

    for one in (found, plain):
        assert why_not(world, owner, one, left.id) == "left out: they had unsubscribed"
        assert why_not(world, owner, one, late.id) == (
            "left out: they subscribed after the execution had begun"
        )
    assert why_not(world, owner, plain, changed.id) == (
        "left out: they did not match when the execution was cut, though they do now"
    )


def test_who_was_not_drawn(world: World, owner: Account, site: Container) -> None:
    people = [world.join(site, number).id for number in range(5)]
    found = world.execute(owner, total_user=2)
    world.cut_all()

    told = [became(world, owner, found, one) for one in people]

    drawn = [one for one in told if one.outcome is Outcome.PENDING]
    rest = [one for one in told if one.outcome is None]
    assert (len(drawn), len(rest)) == (2, 3)
    assert {one.reason for one in rest} == {"left out by total_user, the cap of 2 recipients"}


def test_a_missed_execution_addressed_nobody(world: World, owner: Account, site: Container) -> None:
    somebody = world.join(site, 1).id
    task_id = world.order(owner, ttl_s=60)
    world.clock.forward(HOUR_MS)
    world.plan()
    found = world.history(owner, task_id)[0].execution

    assert why_not(world, owner, found, somebody).startswith("nobody was addressed: due at 2026-")


def test_whose_turn_has_not_come_and_whose_never_came(
    world: World, owner: Account, site: Container
) -> None:
    """The first is in a shard that is cut, the second in one that is not."""
    first = world.join(site, 1, country="CA").id
    world.set_next_ordinal(owner, SHARD)
    second = world.join(site, 2, country="RS").id
    found = world.execute(owner, SERBIA)
    not_yet = "not addressed yet: the execution is still being cut"
    assert why_not(world, owner, found, first) == not_yet

    world.cut_one()
    told = [why_not(world, owner, found, first), why_not(world, owner, found, second)]
    world.commands.pause(owner.scope, found.task_id, now_ms=world.clock.now_ms())
    told += [why_not(world, owner, found, first), why_not(world, owner, found, second)]
    world.commands.cancel(owner.scope, found.task_id, now_ms=world.clock.now_ms())
    told += [why_not(world, owner, found, first), why_not(world, owner, found, second)]

    by_country = "left out by the criterion countries"
    assert told == [
        by_country,
        not_yet,
        by_country,
        not_yet,
        by_country,
        "not addressed: the execution was ended before their turn, cancelled on request",
    ]


def test_an_order_that_cannot_be_read_addressed_nobody(
    world: World, owner: Account, site: Container
) -> None:
    somebody = world.join(site, 1).id
    found = world.execute(owner)
    with world.database.write() as connection:
        ordered = {**world.rows(execution)[0].ordered, "targeting": {"planets": {}}}
        connection.execute(update(execution).values(ordered=ordered))
    world.cut_all()

    assert "its targeting cannot be read" in why_not(world, owner, found, somebody)


def test_only_what_the_scope_sees_is_told(world: World, owner: Account, site: Container) -> None:
    stranger = world.account()
    theirs = world.join(world.container(stranger), 1).id
    somebody = world.join(site, 2).id
    found, other = world.execute(owner), world.execute(owner)

    for who, task_id, execution_id, user_id, what in (
        (stranger, found.task_id, found.id, theirs, "push task"),
        (owner, found.task_id, other.id, somebody, "execution"),
        (owner, found.task_id, other.id + 1, somebody, "execution"),
        (owner, found.task_id, found.id, theirs, "user"),
        (owner, found.task_id, found.id, 2**64 - 1, "user"),
    ):
        with pytest.raises(NotFound, match=f"there is no {what} "):
            world.recipient_service.account(who.scope, task_id, execution_id, user_id, now_ms=0)
