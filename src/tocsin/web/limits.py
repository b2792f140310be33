"""How often an account may call (contract.md section 1, row "Rate limits")."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tocsin.domain.account import Account
from tocsin.domain.errors import TooManyRequests
from tocsin.domain.rate_limit import Allowance, Rates, Refusal, seconds_to
from tocsin.services.limits import Ask
from tocsin.web.gather import Gather


class Windows(Protocol):
    """What counts for all processes."""

    def take(self, asks: Sequence[Ask]) -> Sequence[Allowance | Refusal]: ...


class Limits:
    """Takes a request, or refuses it.

    Requests that come together are counted together. Who is refused is remembered here until the
    window ends, so that further refusals cost neither database nor thread; the memory has one
    entry an account. rates: those of an account that has none of its own.
    """

    def __init__(self, windows: Windows, *, rates: Rates) -> None:
        self._gather: Gather[Ask, Allowance | Refusal] = Gather(windows.take)
        self._rates = rates
        self._full: dict[int, tuple[Rates, Refusal]] = {}

    async def take(self, account: Account, *, now_ms: int) -> Mapping[str, str]:
        """Return the headers that tell what is left; none where nothing is limited.

        Raises TooManyRequests, and Unavailable when the database, where the count is, is away.
        """
        rates = account.rates(self._rates)
        if not rates:
            return {}
        known = self._full.get(account.id)
        if known is not None and known[0] == rates and known[1].covers(now_ms):
            raise _refused(known[1], now_ms)
        self._full.pop(account.id, None)
        result = await self._gather.add(Ask(account.id, rates))
        if isinstance(result, Refusal):
            self._full[account.id] = (rates, result)
            raise _refused(result, now_ms)
        return {
            "X-RateLimit-Limit": str(result.limit),
            "X-RateLimit-Remaining": str(result.remaining),
            "X-RateLimit-Reset": str(result.reset_s),
        }


def _refused(refusal: Refusal, now_ms: int) -> TooManyRequests:
    """Return the error. now_ms: when the request came, which may be before the window began."""
    now_ms = max(now_ms, refusal.until_ms - refusal.window_ms)
    return TooManyRequests(
        limit=refusal.limit,
        window_s=refusal.window_ms // 1000,
        retry_after_s=seconds_to(refusal.until_ms, now_ms=now_ms),
    )
