"""What is counted and kept of requests, however many come at the same time."""

import itertools
from collections.abc import Iterator
from contextlib import closing

import pytest
from world import DyingStore, KilledError, World, draft, in_threads

from tocsin.domain.account import Account
from tocsin.domain.errors import Conflict, Invalid, NotFound
from tocsin.domain.idempotency import KEPT_MS, Claim, Receipt
from tocsin.domain.rate_limit import MINUTE_MS, SECOND_MS, Allowance, Rates, Refusal
from tocsin.domain.targeting import read_targeting
from tocsin.services.idempotency import FORGOTTEN_AT_ONCE, Replays, once
from tocsin.services.limits import Ask, RateLimits
from tocsin.services.tasks import Creation, TaskService
from tocsin.store.engine import Database
from tocsin.store.tables import idempotency, push_task, rate_window
from tocsin.store.unit import Store

RATES = Rates(burst=10, steady=25)


@pytest.fixture
def twin(migrated_url: str) -> Iterator[Store]:
    """Return the store of another process on the same database."""
    database = Database(migrated_url)
    yield Store(database)
    database.close()


def allowed(results: list[Allowance | Refusal]) -> list[int]:
    """Return what each request that was taken had left."""
    return sorted(one.remaining for one in results if isinstance(one, Allowance))


def test_of_many_processes_together_exactly_the_burst_is_taken(world: World, twin: Store) -> None:
    owner, other = world.account(), world.account()
    limits = [RateLimits(store, clock=world.clock) for store in (world.store, twin)]

    def ask(number: int) -> list[Allowance | Refusal]:
        who = [owner, other] if number % 2 else [other, owner]
        return limits[number % 2].take([Ask(one.id, RATES) for one in who])

    def everybody() -> tuple[list[Allowance | Refusal], list[Allowance | Refusal]]:
        results = in_threads(*(lambda number=number: ask(number) for number in range(16)))
        of_owner = [pair[0 if number % 2 else 1] for number, pair in enumerate(results)]
        of_other = [pair[1 if number % 2 else 0] for number, pair in enumerate(results)]
        return of_owner, of_other

    for found in everybody():
        assert allowed(found) == list(range(10))
        assert {one for one in found if isinstance(one, Refusal)} == {
            Refusal(10, SECOND_MS, world.clock.now_ms() + SECOND_MS)
        }
    world.clock.forward(SECOND_MS)
    assert allowed(everybody()[0]) == list(range(10))
    world.clock.forward(SECOND_MS)
    last = everybody()[0]
    assert allowed(last) == list(range(5))
    assert {one.window_ms for one in last if isinstance(one, Refusal)} == {MINUTE_MS}
    row = world.rows(rate_window, rate_window.c.account_id == owner.id)[0]
    assert (row.second_count, row.minute_count) == (5, 25)  # refusals cost nothing


def test_requests_that_come_together_are_counted_one_by_one(world: World) -> None:
    owner, other = world.account(), world.account()
    limits = RateLimits(world.store, clock=world.clock)

    results = limits.take([Ask(owner.id, RATES)] * 12 + [Ask(other.id, RATES)])

    assert [one.remaining for one in results if isinstance(one, Allowance)] == [
        *reversed(range(10)),
        9,
    ]
    assert [isinstance(one, Refusal) for one in results] == [False] * 10 + [True] * 2 + [False]


def claim(owner: Account, key: str = "k", request: bytes = b"1") -> Claim:
    return Claim(owner.id, key, request)


def create(world: World, owner: Account, laid: Claim | None, *, name: str = "task") -> Receipt:
    return world.take(owner, draft(name=name), claim=laid)


def test_the_same_request_again_makes_nothing_and_says_what_it_made(world: World) -> None:
    owner = world.account()

    first = create(world, owner, claim(owner))
    again = create(world, owner, claim(owner))

    assert (first.replayed, again.replayed) == (False, True)
    assert first.result == again.result
    assert [str(row.id) for row in world.rows(push_task)] == [first.result]


def test_of_fifty_at_the_same_time_one_makes_the_task(world: World, twin: Store) -> None:
    owner = world.account()
    services = [world.tasks, TaskService(twin)]
    creation = Creation(owner.scope, draft(), world.clock.now_ms(), claim(owner))

    receipts = in_threads(
        *(
            lambda service=service: service.create([creation])[0]
            for service in itertools.islice(itertools.cycle(services), 50)
        )
    )

    assert len(world.rows(push_task)) == 1
    assert len({receipt.result for receipt in receipts}) == 1
    assert sorted(receipt.replayed for receipt in receipts) == [False] + [True] * 49


def test_a_key_is_of_one_request_and_of_one_account(world: World) -> None:
    owner, other = world.account(), world.account()
    create(world, owner, claim(owner))

    with pytest.raises(Conflict, match="'k' was sent with another request"):
        create(world, owner, claim(owner, request=b"2"))
    assert not create(world, owner, claim(owner, key="K")).replayed
    assert not create(world, other, claim(other)).replayed
    assert len(world.rows(push_task)) == 3


def test_after_a_day_a_key_is_new(world: World) -> None:
    owner = world.account()
    first = create(world, owner, claim(owner))

    world.clock.forward(KEPT_MS - 1)
    assert create(world, owner, claim(owner)).replayed
    world.clock.forward(1)
    second = create(world, owner, claim(owner, request=b"2"))

    assert not second.replayed
    assert second.result != first.result
    assert create(world, owner, claim(owner, request=b"2")).result == second.result


def test_who_is_killed_before_the_commit_leaves_neither_task_nor_key(world: World) -> None:
    owner = world.account()
    dying = TaskService(DyingStore(world.store, dies_at=[1]))

    with pytest.raises(KilledError):
        dying.create([Creation(owner.scope, draft(), world.clock.now_ms(), claim(owner))])

    assert not world.rows(push_task)
    assert not world.rows(idempotency)
    assert not create(world, owner, claim(owner)).replayed


def test_a_refused_request_may_be_mended_under_its_key(world: World) -> None:
    owner = world.account()
    excluded = {"applications": {"op": "exclude", "items": ["typo.example.com"]}}
    assert not read_targeting(excluded)[1]

    with pytest.raises(Invalid):
        world.take(owner, draft(excluded), claim=claim(owner))

    assert not create(world, owner, claim(owner, request=b"2")).replayed


def test_a_refusal_among_others_in_a_transaction_leaves_no_claim(world: World) -> None:
    owner = world.account()
    now_ms = world.clock.now_ms()

    def refuse() -> str:
        raise NotFound("task", "7")

    with world.store.write() as unit:
        with pytest.raises(NotFound):
            once(unit, claim(owner, "bad"), now_ms=now_ms, act=refuse)
        once(unit, claim(owner, "good"), now_ms=now_ms, act=lambda: "made")
        assert once(unit, claim(owner, "good"), now_ms=now_ms, act=refuse) == Receipt("made", True)

    assert [row.key for row in world.rows(idempotency)] == ["good"]


def test_what_was_kept_is_found_by_the_same_request_alone(world: World) -> None:
    owner = world.account()
    made = create(world, owner, claim(owner))
    replays, now_ms = Replays(world.store), world.clock.now_ms()

    assert replays.find(claim(owner), now_ms=now_ms) == Receipt(made.result, replayed=True)
    assert replays.find(claim(owner, request=b"2"), now_ms=now_ms) is None
    assert replays.find(claim(owner, key="other"), now_ms=now_ms) is None
    assert replays.find(claim(owner), now_ms=now_ms + KEPT_MS) is None


def test_the_keeper_forgets_what_is_older_than_a_day(world: World) -> None:
    owner = world.account()
    replays = Replays(world.store)
    old_ms, now_ms = world.clock.now_ms(), world.clock.now_ms() + KEPT_MS
    with world.database.write() as connection:
        connection.execute(
            idempotency.insert(),
            [
                {
                    "account_id": owner.id,
                    "key": f"{number}",
                    "request": b"1",
                    "result": "1",
                    "create_ms": old_ms + (number == 0),
                }
                for number in range(FORGOTTEN_AT_ONCE + 2)
            ],
        )

    assert [replays.forget(now_ms=now_ms) for _ in range(3)] == [FORGOTTEN_AT_ONCE, 1, 0]
    assert [row.key for row in world.rows(idempotency)] == ["0"]


def test_the_keeper_waits_for_nobody_who_takes_a_key_over(world: World, migrated_url: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("one writer at a time: there is nobody to wait for")
    owner = world.account()
    create(world, owner, claim(owner))
    later_ms = world.clock.forward(KEPT_MS)

    with (
        closing(Database(f"{migrated_url}?options=-c%20lock_timeout%3D500")) as impatient,
        world.store.write() as unit,
    ):
        once(unit, claim(owner), now_ms=later_ms, act=lambda: "anew")
        assert Replays(Store(impatient)).forget(now_ms=later_ms) == 0

    assert [row.result for row in world.rows(idempotency)] == ["anew"]
