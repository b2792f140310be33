"""One noun per thing: the code names things as docs/glossary.md does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from house import ROOT, SOURCES, shown

# A word here has one meaning only, and a name in the glossary. Words that are also somebody
# else's (token, status, lock, run, chunk) are left to the reviewer.
INSTEAD_OF: Final = {
    "batch": "parcel",
    "campaign": "push task",
    "company": "account",
    "job": "push task, or parcel",
    "jobs": "push tasks, or parcels",
    "organization": "account",
    "tenant": "account",
}

# Names that the contract itself gives to clients.
OF_THE_CONTRACT: Final = {"campaign_id", "campaign_ids", "default_campaign_id"}
MACROS: Final = "OCMH_"


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_names_come_from_the_glossary(path: Path) -> None:
    assert not misnamed(path.read_text(encoding="utf-8"))


def test_a_forbidden_word_is_found_in_every_kind_of_name() -> None:
    text = """
from elsewhere import batch_alter_table, start as start_job
class CampaignRow: tenant: str
def send_batch(company, *, ok): row.next_job = 1
"""

    assert misnamed(text) == {
        "start_job": "push task, or parcel",
        "CampaignRow": "push task",
        "tenant": "account",
        "send_batch": "parcel",
        "company": "account",
        "next_job": "push task, or parcel",
    }


def test_words_of_others_are_left_alone() -> None:
    assert not misnamed("operations.batch_alter_table('x')\nlibrary.call(job=1)\ncampaign_id = 1")


def test_the_glossary_says_the_same() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").lower()

    assert [word for word in INSTEAD_OF if not word.endswith("s") and word not in glossary] == []


def misnamed(text: str) -> dict[str, str]:
    """Return each name that *text* gives to something, and the word that belongs in it."""
    return {
        name: INSTEAD_OF[word]
        for name in names_given(ast.parse(text))
        if name not in OF_THE_CONTRACT and not name.startswith(MACROS)
        for word in words(name)
        if word in INSTEAD_OF
    }


def words(name: str) -> list[str]:
    """Return the words of a snake_case or CamelCase name, in lower case."""
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_")


def names_given(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module makes; those that it only uses may be another library's."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
