"""Group commit: what arrives while a transaction runs goes into the next one together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST: Final = 500


class Gather(Generic[Item, Result]):
    """Hands items to *commit* in groups, and each caller its own result after the commit.

    One commit runs at a time. A lone request waits for nobody; under load a group is as large
    as what came in during the commit before. commit: gets items, returns as many results in
    the same order; it runs in a thread, and what it raises every caller of the group gets.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._commit = commit
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """Return the result of *item*, once it is committed."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await result

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._commit_group(group)
        finally:
            self._running = None

    async def _commit_group(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await run_in_threadpool(self._commit, [item for item, _ in group])
            pairs = list(zip(group, results, strict=True))
        except Exception as error:  # noqa: BLE001 - each caller raises it in its own request
            for _, waiter in group:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        for (_, waiter), result in pairs:
            if not waiter.done():
                waiter.set_result(result)
