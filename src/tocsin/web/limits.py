"""How often an account may call."""

from collections.abc import Mapping

from tocsin.domain.account import Account


class Unlimited:
    """Takes every request."""

    async def take(self, account: Account, *, now_ms: int) -> Mapping[str, str]:  # noqa: ARG002 - a port
        """Return no headers: nothing is limited."""
        return {}
