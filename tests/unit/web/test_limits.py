"""What a process remembers of full windows, so that refusals cost nothing."""

from collections.abc import Sequence

import pytest

from doubles import FakeClock
from loops import run
from tocsin.domain.account import Account
from tocsin.domain.errors import TooManyRequests
from tocsin.domain.rate_limit import SKEW_MS, Allowance, Rates, Refusal, Windows, take
from tocsin.services.limits import Ask
from tocsin.web.limits import Limits

ACCOUNT = Account(id=1, root_id=1, name="main")


class Counted:
    """Windows in memory, and how often somebody asked for them."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asks: list[Ask] = []
        self.windows: dict[int, Windows] = {}

    def take(self, asks: Sequence[Ask]) -> list[Allowance | Refusal]:
        results = []
        for ask in asks:
            self.asks.append(ask)
            self.windows[ask.account_id], result = take(
                self.windows.get(ask.account_id, Windows()),
                ask.rates,
                now_ms=self.clock.now_ms(),
            )
            results.append(result)
        return results


class House:
    def __init__(self, *, burst: int, steady: int) -> None:
        self.clock = FakeClock()
        self.counted = Counted(self.clock)
        self.limits = Limits(self.counted, rates=Rates(burst, steady))

    def take(self, account: Account = ACCOUNT) -> dict[str, str] | TooManyRequests:
        """Return the headers of a request that is taken, or the error."""
        try:
            return dict(run(self.limits.take(account, now_ms=self.clock.now_ms())))
        except TooManyRequests as refused:
            return refused


def headers(limit: int, remaining: int, reset: int) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }


def test_the_headers_tell_of_the_window_with_the_least_left() -> None:
    house = House(burst=2, steady=3)
    house.clock.forward(59_400 - house.clock.now_ms() % 60_000)  # 600 ms before the minute ends

    assert house.take() == headers(2, 1, 1)
    house.clock.forward(-29_400)
    assert house.take() == headers(3, 1, 30)  # as many are left in the second
    assert house.take() == headers(3, 0, 30)
    refused = house.take()
    assert isinstance(refused, TooManyRequests)
    assert (refused.limit, refused.window_s, refused.retry_after_s) == (3, 60, 30)


def test_where_nothing_is_limited_nothing_is_counted() -> None:
    house = House(burst=0, steady=0)

    assert house.take() == {}
    assert not house.counted.asks


def test_an_account_may_have_limits_of_its_own() -> None:
    house = House(burst=10, steady=150)

    assert house.take(Account(2, 2, "small", rate_burst=1)) == headers(1, 0, 1)
    assert house.take(Account(3, 3, "large", rate_burst=0, rate_steady=0)) == {}
    assert house.take() == headers(10, 9, 1)


def test_a_full_window_is_asked_about_once() -> None:
    house = House(burst=2, steady=150)
    other = Account(2, 2, "other")
    house.take()
    house.take()

    refused = [house.take() for _ in range(5)]

    assert all(isinstance(one, TooManyRequests) for one in refused)
    assert len(house.counted.asks) == 3
    assert house.take(other) == headers(2, 1, 1)
    house.clock.forward(999)
    assert isinstance(house.take(), TooManyRequests)
    assert len(house.counted.asks) == 4
    house.clock.forward(1)
    assert house.take() == headers(2, 1, 1)


def test_what_is_remembered_falls_with_the_limits_it_was_full_by() -> None:
    house = House(burst=1, steady=150)
    house.take()
    assert isinstance(house.take(), TooManyRequests)

    assert house.take(Account(1, 1, "main", rate_burst=5)) == headers(5, 3, 1)


@pytest.mark.parametrize("back_ms", [SKEW_MS + 1, 3_600_000])
def test_a_clock_that_is_put_back_locks_nobody_out(back_ms: int) -> None:
    house = House(burst=1, steady=150)
    house.take()
    assert isinstance(house.take(), TooManyRequests)

    house.clock.forward(-back_ms)

    assert house.take() == headers(1, 0, 1)
