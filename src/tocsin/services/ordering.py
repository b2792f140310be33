"""What an order must find in its account before it is taken."""

from typing import Protocol

from tocsin.domain.account import Scope
from tocsin.domain.errors import Fault, Invalid
from tocsin.domain.push_task import Draft
from tocsin.domain.targeting import Criterion, Targeting
from tocsin.services import vocabulary


class Unit(vocabulary.Unit, Protocol):
    """One transaction."""


def refuse_unknown(unit: Unit, scope: Scope, draft: Draft) -> None:
    """Raise Invalid for what *draft* must name and does not."""
    faults = unknown_faults(unit, scope, draft)
    if faults:
        raise Invalid(tuple(faults))


def unknown_faults(unit: Unit, scope: Scope, draft: Draft) -> list[Fault]:
    """Return what is wrong with what *draft* names.

    That is what an exclude names in vain, for it would widen the audience without a word; and a
    demand source that is none, without a fallback to show in its place.
    """
    excludes = tuple(
        criterion
        for criterion in draft.targeting.criteria
        if isinstance(criterion, Criterion) and criterion.op == "exclude"
    )
    unknown = vocabulary.unknown_items(unit, scope, Targeting(excludes))
    return [*unknown.faults, *_zone_faults(draft)]


def named_in_vain(unit: Unit, scope: Scope, draft: Draft) -> list[tuple[str, str]]:
    """Return warnings, as code and sentence, about items that *draft* may name in vain."""
    unknown = vocabulary.unknown_items(unit, scope, draft.targeting)
    return [("unknown_item", f"{warning.field}: {warning.message}") for warning in unknown.warnings]


def _zone_faults(draft: Draft) -> list[Fault]:
    """Return the fault of an unknown demand source; there are none yet that could be known."""
    if draft.adex is None or draft.adex.fallback is not None:
        return []
    sentence = "names no demand source here: it needs a fallback_message, which is then shown"
    return [Fault("adex.zone_id", sentence)]
