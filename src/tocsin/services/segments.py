"""Segments: targetings with a name, which tasks and other segments use."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from tocsin.domain.account import Scope
from tocsin.domain.errors import Conflict, Fault, Invalid, NotFound
from tocsin.domain.idempotency import Claim, Receipt
from tocsin.domain.listing import ListQuery
from tocsin.domain.mention import Mention, mentions_text
from tocsin.domain.segment import Segment, SegmentDraft
from tocsin.services import vocabulary
from tocsin.services.idempotency import Requests, once
from tocsin.services.resolving import segment_cycle
from tocsin.services.vocabulary import unknown_items

_ATTRIBUTE: Final = "segments"


class Segments(Protocol):
    """The store's side of segments."""

    def add(self, scope: Scope, draft: SegmentDraft, *, now_ms: int) -> int: ...
    def find(self, scope: Scope, segment_id: int) -> Segment | None: ...
    def listed(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Segment]]: ...
    def replace(self, segment_id: int, draft: SegmentDraft, *, now_ms: int) -> None: ...
    def remove(self, segment_id: int) -> None: ...


class Accounts(Protocol):
    """The store's side of accounts."""

    def lock(self, root_id: int) -> None: ...


class Mentions(Protocol):
    """The store's side of what names what."""

    def active(
        self, scope: Scope, owner_id: int, attribute: str, item: str
    ) -> Sequence[Mention]: ...


class Unit(vocabulary.Unit, Protocol):
    """One transaction."""

    @property
    def segments(self) -> Segments: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def mentions(self) -> Mentions: ...
    @property
    def requests(self) -> Requests: ...


class Store(Protocol):
    """Where transactions come from."""

    def write(self) -> AbstractContextManager[Unit]: ...
    def read(self) -> AbstractContextManager[Unit]: ...


class SegmentService:
    """Every method sees what its scope sees, and nothing else.

    Those that write take the account's lock first: two edits at once could each be good and make
    a circle together.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self, scope: Scope, draft: SegmentDraft, *, now_ms: int, claim: Claim | None = None
    ) -> Receipt:
        """Take *draft*; the receipt tells its id. Raises Invalid, Conflict."""
        with self._store.write() as unit:
            unit.accounts.lock(scope.root_id)

            def add() -> str:
                segment_id = unit.segments.add(scope, draft, now_ms=now_ms)
                _check(unit, scope, segment_id, draft)
                return str(segment_id)

            return once(unit, claim, now_ms=now_ms, act=add)

    def view(self, scope: Scope, segment_id: int) -> Segment:
        """Return one segment. Raises NotFound."""
        with self._store.read() as unit:
            return _seen(unit, scope, segment_id)

    def list(self, scope: Scope, query: ListQuery) -> tuple[int, Sequence[Segment]]:
        """Return how many segments fit *query*, and its page of them."""
        with self._store.read() as unit:
            return unit.segments.listed(scope, query)

    def change(
        self,
        scope: Scope,
        segment_id: int,
        edit: Callable[[Segment], SegmentDraft],
        *,
        now_ms: int,
    ) -> None:
        """Make a segment what *edit* makes of it. Raises NotFound, Invalid, Conflict."""
        with self._store.write() as unit:
            unit.accounts.lock(scope.root_id)
            known = _seen(unit, scope, segment_id)
            draft = edit(known)
            if known.active and not draft.active:
                _refuse_to_widen(unit, scope, known)
            unit.segments.replace(segment_id, draft, now_ms=now_ms)
            _check(unit, scope, segment_id, draft)

    def remove(self, scope: Scope, segment_id: int) -> None:
        """Forget a segment. Raises NotFound, and Conflict while something active names it."""
        with self._store.write() as unit:
            unit.accounts.lock(scope.root_id)
            owner_id = _seen(unit, scope, segment_id).account_id
            named_by = unit.mentions.active(scope, owner_id, _ATTRIBUTE, str(segment_id))
            if named_by:
                raise Conflict(
                    f"segment {segment_id} is named in the targeting of "
                    f"{mentions_text(named_by)}: change or end that first"
                )
            unit.segments.remove(segment_id)


def _seen(unit: Unit, scope: Scope, segment_id: int) -> Segment:
    found = unit.segments.find(scope, segment_id)
    if found is None:
        raise NotFound("segment", str(segment_id))
    return found


def _check(unit: Unit, scope: Scope, segment_id: int, draft: SegmentDraft) -> None:
    """Raise Invalid for what an exclude names in vain, and for a circle of segments."""
    faults = unknown_items(unit, scope, draft.targeting).faults
    circle = segment_cycle(unit, scope.root_id, segment_id, draft.targeting)
    if circle is not None:
        faults = [*faults, Fault("targeting.segments", circle)]
    if faults:
        raise Invalid(tuple(faults))


def _refuse_to_widen(unit: Unit, scope: Scope, known: Segment) -> None:
    """Raise Conflict when something active excludes a segment that is to be inactive.

    It would name nobody from then on: an include reaches nobody, but an exclude everybody.
    """
    excluding = [
        one
        for one in unit.mentions.active(scope, known.account_id, _ATTRIBUTE, str(known.id))
        if one.is_exclude
    ]
    if excluding:
        raise Conflict(
            f"segment {known.id} is excluded by the targeting of {mentions_text(excluding)}: "
            "inactive it would exclude nobody, so change or end that first"
        )
