"""What an order must find in its account before it is taken."""

from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.adex import Adex
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.push_task import Draft
from tocsin.domain.targeting import Criterion, Targeting
from tocsin.services import vocabulary


class Zones(Protocol):
    """The store's side of demand sources."""

    def is_there(self, scope: Scope, zone_id: int, *, keep: bool) -> bool: ...


class Unit(vocabulary.Unit, Protocol):
    """One transaction."""

    @property
    def zones(self) -> Zones: ...


def refuse_unknown(unit: Unit, scope: Scope, draft: Draft, *, keep: bool = False) -> None:
    """Raise Invalid for what *draft* must name and does not. keep: as for unknown_faults."""
    faults = unknown_faults(unit, scope, draft, keep=keep)
    if faults:
        raise Invalid(tuple(faults))


def unknown_faults(unit: Unit, scope: Scope, draft: Draft, *, keep: bool = False) -> list[Fault]:
    """Return what is wrong with what *draft* names.

    That is what an exclude names in vain, for it would widen the audience without a word; and a
    demand source that is none, without a fallback to show in its place. keep: the draft is to be
    taken in this transaction, so the demand source that it names stays until commit.
    """
    excludes = tuple(
        criterion
        for criterion in draft.targeting.criteria
        if isinstance(criterion, Criterion) and criterion.op == "exclude"
    )
    unknown = vocabulary.unknown_items(unit, scope, Targeting(excludes))
    adex = draft.adex
    if adex is None or _zone_is_there(unit, scope, adex, keep=keep) or adex.fallback is not None:
        return unknown.faults
    sentence = "names no demand source here: it needs a fallback_message, which is then shown"
    return [*unknown.faults, Fault("adex.zone_id", sentence)]


def named_in_vain(unit: Unit, scope: Scope, draft: Draft) -> list[tuple[str, str]]:
    """Return warnings, as code and sentence, about what *draft* may name in vain, or rely on."""
    unknown = vocabulary.unknown_items(unit, scope, draft.targeting)
    found = [
        ("unknown_item", f"{warning.field}: {warning.message}") for warning in unknown.warnings
    ]
    if draft.adex is None:
        return found
    if not _zone_is_there(unit, scope, draft.adex, keep=False):
        sentence = f"adex.zone_id: {draft.adex.zone_id} is no demand source here: "
        found.append(("unknown_item", f"{sentence}everybody is shown the fallback_message"))
    elif draft.adex.fallback is None:
        sentence = "adex has no fallback_message: who draws nothing is shown a few neutral words"
        found.append(("no_fallback", sentence))
    return found


def _zone_is_there(unit: Unit, scope: Scope, adex: Adex, *, keep: bool) -> bool:
    return unit.zones.is_there(scope, int(adex.zone_id), keep=keep)
