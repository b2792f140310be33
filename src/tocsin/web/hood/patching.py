"""JSON Merge Patch (RFC 7396): a resource is judged by what the patch leaves of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tocsin.web.hood.fields import Field


def merge(known: Any, patch: Any) -> Any:
    """Return *known* under a merge patch in which null replaces and does not remove.

    So a null that nothing stands against stays, and an unknown key is refused even as null.
    """
    if not isinstance(patch, dict):
        return patch
    found = dict(known) if isinstance(known, dict) else {}
    return found | {key: merge(found.get(key), value) for key, value in patch.items()}


def of_a_patch(fields: Mapping[str, Field]) -> Mapping[str, Field]:
    """Return *fields* as a patch may name them: any of them, and none must be there.

    What a new one needs can not be taken away: it may be left out, and not be null.
    """
    return {
        key: replace(field, required=False, takes_null=not field.required)
        for key, field in fields.items()
    }
