"""Running a coroutine to its end, whatever else the thread of the test is doing."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of *coroutine*, run in a loop and a thread of its own.

    While a browser is open its driver keeps a loop running in the tests' thread, and asyncio.run
    refuses to begin a second one there.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
