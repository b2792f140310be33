"""Group commit: everybody gets their own result, once, after the commit."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from loops import run
from tocsin.web.gather import MOST, Gather


class Desk:
    """Commits groups and keeps them; the first waits until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.began = threading.Event()
        self.let_go = threading.Event()

    def commit(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        self.began.set()
        assert self.let_go.wait(10)
        return [item * 10 for item in group]


async def fill(
    gather: Gather[int, int], desk: Desk, items: Sequence[int]
) -> list[asyncio.Task[int]]:
    """Add a first item, and *items* while its commit is under way; then let go."""
    first = asyncio.create_task(gather.add(0))
    await asyncio.to_thread(desk.began.wait, 10)
    later = [asyncio.create_task(gather.add(item)) for item in items]
    await asyncio.sleep(0)  # every task has its turn before ours
    assert len(gather._waiting) == len(items)
    desk.let_go.set()
    return [first, *later]


def test_what_arrives_during_a_commit_goes_into_the_next_together() -> None:
    async def scene() -> tuple[list[int], list[list[int]]]:
        desk = Desk()
        tasks = await fill(Gather(desk.commit), desk, [1, 2, 3])
        return await asyncio.gather(*tasks), desk.groups

    results, groups = run(scene())

    assert results == [0, 10, 20, 30]
    assert groups == [[0], [1, 2, 3]]


def test_a_group_has_a_limit() -> None:
    async def scene() -> tuple[list[int], list[list[int]]]:
        desk = Desk()
        tasks = await fill(Gather(desk.commit), desk, range(1, MOST + 3))
        return await asyncio.gather(*tasks), desk.groups

    results, groups = run(scene())

    assert results == [item * 10 for item in range(MOST + 3)]
    assert [len(group) for group in groups] == [1, MOST, 2]


def test_a_failed_commit_fails_everybody_in_it_and_nobody_after() -> None:
    calls: list[list[str]] = []

    def commit(group: Sequence[str]) -> Sequence[str]:
        calls.append(list(group))
        if "bad" in group:
            raise RuntimeError("the database is away")
        return group

    async def scene() -> list[str | BaseException]:
        gather: Gather[str, str] = Gather(commit)
        first = await asyncio.gather(gather.add("a"), gather.add("bad"), return_exceptions=True)
        return [*first, await gather.add("after")]

    a, bad, after = run(scene())

    assert isinstance(a, RuntimeError)
    assert isinstance(bad, RuntimeError)
    assert after == "after"
    assert calls == [["a", "bad"], ["after"]]


@pytest.mark.parametrize("too_many", [0, 1, 3], ids=["none", "too few", "too many"])
def test_a_commit_that_answers_for_another_number_leaves_nobody_waiting(too_many: int) -> None:
    async def scene() -> list[object]:
        gather: Gather[int, int] = Gather(lambda _group: [1] * too_many)
        async with asyncio.timeout(10):
            return list(await asyncio.gather(gather.add(1), gather.add(2), return_exceptions=True))

    assert [type(one) for one in run(scene())] == [ValueError, ValueError]


def test_who_left_does_not_disturb_the_others() -> None:
    async def scene() -> tuple[list[int | BaseException], list[list[int]]]:
        desk = Desk()
        tasks = await fill(Gather(desk.commit), desk, [1, 2])
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True), desk.groups

    (first, left, stayed), groups = run(scene())

    assert (first, stayed) == (0, 20)
    assert isinstance(left, asyncio.CancelledError)
    assert groups == [[0], [1, 2]]


def test_one_alone_waits_for_nobody() -> None:
    async def scene() -> list[int]:
        gather: Gather[int, int] = Gather(list)
        return [await gather.add(item) for item in (1, 2, 3)]

    assert run(scene()) == [1, 2, 3]
