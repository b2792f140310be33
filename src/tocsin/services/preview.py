"""What a task would do, exactly, without doing it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias

from tocsin.domain.account import Scope
from tocsin.domain.calendar import place_of
from tocsin.domain.errors import Fault
from tocsin.domain.message import (
    FALLBACK_LANGUAGE,
    encrypted_size,
    message_warnings,
    payload_json,
)
from tocsin.domain.push_task import Draft, Status
from tocsin.domain.schedule import Wave, slots, warnings, waves
from tocsin.services import ordering, reaching
from tocsin.services.reaching import Reach

EXECUTIONS_SHOWN: Final = 10
Warned: TypeAlias = tuple[str, str]
"""A code and a sentence."""


class Unit(ordering.Unit, reaching.Unit, Protocol):
    """One transaction."""


class Store(Protocol):
    """Where transactions come from."""

    def read(self) -> AbstractContextManager[Unit]: ...


@dataclass(frozen=True, slots=True)
class Preview:
    """What a task would do, were it active from now on.

    executions: slots. waves: of the first execution, with how many each reaches. payloads: by
    language, the bytes of the encrypted message and what the service worker reads.
    """

    reach: Reach
    executions: Sequence[int]
    waves: Sequence[tuple[Wave, int]]
    payloads: Mapping[str, tuple[int, Mapping[str, Any]]]
    warnings: Sequence[Warned]


class PreviewService:
    """Reads in one transaction, and writes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def unknown(self, scope: Scope, draft: Draft) -> list[Fault]:
        """Return what is wrong with what *draft* names, beside what else is wrong with it."""
        with self._store.read() as unit:
            return ordering.unknown_faults(unit, scope, draft)

    def preview(self, scope: Scope, draft: Draft, *, now_ms: int) -> Preview:
        """Return what *draft* would do. Raises Invalid for what a create would refuse."""
        with self._store.read() as unit:
            ordering.refuse_unknown(unit, scope, draft)
            unknown = ordering.named_in_vain(unit, scope, draft)
            reach = reaching.reach(unit, scope, draft.targeting, now_ms=now_ms)
        executions = _executions(draft, now_ms)
        return Preview(
            reach=reach,
            executions=executions[:EXECUTIONS_SHOWN],
            waves=_waves(draft, executions, reach, now_ms),
            payloads=_payloads(draft, now_ms),
            warnings=[*unknown, *_warnings(draft, reach, now_ms)],
        )


def _executions(draft: Draft, now_ms: int) -> list[int]:
    """Return the first slots, one more than are shown: the waves must know what follows."""
    if draft.schedule.start is None:
        return []
    active = replace(draft, status=Status.ACTIVE)
    place = place_of(active, before=None, now_ms=now_ms)
    if place.anchor_ms is None or place.next_slot_ms is None:
        return []
    coming = slots(draft.schedule, anchor_ms=place.anchor_ms, after_ms=place.next_slot_ms - 1)
    return list(islice(coming, EXECUTIONS_SHOWN + 1))


def _waves(
    draft: Draft, executions: Sequence[int], reach: Reach, now_ms: int
) -> list[tuple[Wave, int]]:
    """Return the waves of the first execution, in order; whom none has is in none."""
    if not executions:
        return []
    of_zone = waves(
        draft.schedule,
        reach.time_zones or [""],
        slot_ms=executions[0],
        next_slot_ms=executions[1] if len(executions) > 1 else None,
        active_ms=now_ms,
    )
    counts: dict[Wave, int] = {}
    for zone, wave in of_zone.items():
        if wave is not None:
            counts[wave] = counts.get(wave, 0) + reach.time_zones.get(zone, 0)
    return sorted(counts.items(), key=lambda pair: (pair[0].at_ms, pair[0].offset_s))


def _payloads(draft: Draft, now_ms: int) -> dict[str, tuple[int, Mapping[str, Any]]]:
    shown = {
        language: payload_json(
            draft.shown,
            language,
            name=draft.name,
            custom_data=draft.custom_data,
            is_fallback=draft.adex is not None,
            now_ms=now_ms,
        )
        for language in ([FALLBACK_LANGUAGE] if draft.shown is None else draft.shown.title)
    }
    return {language: (encrypted_size(payload), payload) for language, payload in shown.items()}


def _warnings(draft: Draft, reach: Reach, now_ms: int) -> list[Warned]:
    found: list[Warned] = []
    if draft.schedule.start is None:
        found.append(("no_start_time", "the task has no start_time: it can not become active"))
    else:
        found += warnings(draft.schedule, anchor_ms=_anchor_ms(draft, now_ms))
    if draft.shown is not None:
        found += message_warnings(
            draft.shown,
            is_fallback=draft.adex is not None,
            custom_data=draft.custom_data,
            name=draft.name,
        )
    if not reach.total:
        found.append(("nobody", "the targeting reaches nobody now"))
    elif draft.total_user is not None and draft.total_user < reach.total:
        found.append(
            ("capped", f"total_user takes {draft.total_user} of the {reach.total} it reaches")
        )
    return found


def _anchor_ms(draft: Draft, now_ms: int) -> int:
    return draft.schedule.start if isinstance(draft.schedule.start, int) else now_ms
