"""The cutting room: an execution's audience becomes parcels, shard by shard."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pyroaring import BitMap

from tocsin.audience.bitmaps import SHARD_BITS, BitmapKey, shards_below
from tocsin.audience.evaluate import Changed, evaluate, patch
from tocsin.domain.account import Scope
from tocsin.domain.execution import Execution
from tocsin.domain.parcel import cut
from tocsin.domain.subscriber import Facts
from tocsin.domain.subscription import Subscriber
from tocsin.domain.targeting import USERS, Targeting, read_targeting
from tocsin.services.indexing import current_facts


class Bitmaps(Protocol):
    """The bitmaps of one tenant."""

    def load(self, keys: Iterable[BitmapKey]) -> Mapping[BitmapKey, BitMap]: ...


class Audience(Protocol):
    """What cutting needs of the audience index."""

    def bitmaps(self, root_id: int) -> Bitmaps: ...
    def changed_ordinals(self, root_id: int, first: int, after: int) -> set[int]: ...


class Accounts(Protocol):
    """What cutting needs of accounts."""

    def next_ordinal(self, root_id: int) -> int: ...


class Subscribers(Protocol):
    """What cutting needs of subscribers."""

    def by_ordinal(self, root_id: int, ordinals: Iterable[int]) -> dict[int, Subscriber]: ...
    def ordinals_of(self, root_id: int, ids: Iterable[int]) -> dict[int, int]: ...


class Executions(Protocol):
    """What cutting needs of executions."""

    def take_uncut(self) -> Execution | None: ...
    def mark_cut(self, execution_id: int, *, next_shard: int, complete: bool) -> None: ...
    def call_off(self, execution_id: int, *, reason: str, now_ms: int) -> None: ...


class Parcels(Protocol):
    """What cutting needs of parcels."""

    def add(
        self,
        execution_id: int,
        *,
        root_id: int,
        due_ms: int,
        expires_ms: int,
        recipients: Sequence[Sequence[int]],
    ) -> None: ...


class Unit(Protocol):
    """One transaction."""

    @property
    def audience(self) -> Audience: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def subscribers(self) -> Subscribers: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def parcels(self) -> Parcels: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """One shard of an execution, cut."""

    execution_id: int
    shard: int
    recipients: int


class Cutting:
    """Any number of cutters may run: one at a time works on an execution."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def cut(self, *, now_ms: int) -> Piece | None:
        """Cut the next shard of the oldest execution that is not cut yet; None: there is none.

        The shard's parcels and the bookmark are one transaction: after a kill the shard is
        either cut or not, never half and never twice. An order that cannot be read is called
        off, with the reason, and holds up no other.
        """
        with self._store.write() as unit:
            execution = unit.executions.take_uncut()
            if execution is None:
                return None
            shard = execution.next_shard
            targeting, faults = read_targeting(execution.order.targeting)
            if faults:
                reason = f"its targeting cannot be read: {faults[0].field} {faults[0].message}"
                unit.executions.call_off(execution.id, reason=reason, now_ms=now_ms)
                return Piece(execution.id, shard, 0)
            shards = shards_below(unit.accounts.next_ordinal(execution.root_id))
            found = BitMap()
            if shard < shards:
                found = _audience(unit, execution, targeting, shard)
            unit.parcels.add(
                execution.id,
                root_id=execution.root_id,
                due_ms=execution.due_ms,
                expires_ms=execution.due_ms + execution.order.ttl_s * 1000,
                recipients=list(cut(found.to_array())),
            )
            unit.executions.mark_cut(
                execution.id, next_shard=shard + 1, complete=shard + 1 >= shards
            )
        return Piece(execution.id, shard, len(found))


def _audience(unit: Unit, execution: Execution, targeting: Targeting, shard: int) -> BitMap:
    """Return whom the execution means in one shard, as of now.

    The list of unfolded changes is read before the bitmaps: what is folded in between is then
    judged twice, by bitmap and by row, and never not at all.
    """
    root_id = execution.root_id
    scope = Scope(root_id=root_id, account_id=execution.account_id)
    bounds: Facts = (
        frozenset() if scope.is_root else frozenset({("accounts", str(scope.account_id))})
    )
    first = shard << SHARD_BITS
    changed = unit.audience.changed_ordinals(root_id, first, first + (1 << SHARD_BITS))
    users = _named_users(unit, root_id, targeting)
    found = evaluate(targeting, shard, unit.audience.bitmaps(root_id), users=users, bounds=bounds)
    rows = unit.subscribers.by_ordinal(root_id, changed)
    return patch(
        found,
        targeting,
        (
            Changed(one.ordinal, one.id, current_facts(one) or None)
            if (one := rows.get(ordinal))
            else Changed(ordinal, 0, None)
            for ordinal in changed
        ),
        bounds=bounds,
    )


def _named_users(unit: Unit, root_id: int, targeting: Targeting) -> dict[str, int]:
    ids = {
        int(item)
        for criterion in targeting.criteria
        if criterion.attribute == USERS
        for item in criterion.items
    }
    return {
        str(id_): ordinal for id_, ordinal in unit.subscribers.ordinals_of(root_id, ids).items()
    }
