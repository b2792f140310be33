"""The documents hold together: their links lead somewhere, and the changelog is open."""

import re
from pathlib import Path
from typing import Final

import pytest

from house import ROOT, kept_files, shown

DOCUMENTS: Final = [path for path in kept_files() if path.suffix == ".md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=shown)
def test_links_to_files_and_headings_lead_somewhere(document: Path) -> None:
    assert dead_links(document) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`, three\n[a](page.md#one-two-three) [b](#one) [c](gone.md) "
        "![d](gone.svg) [e](https://example.com)\n```\n[f](in/code)\n```\n",
        encoding="utf-8",
    )

    assert dead_links(page) == ["#one", "gone.md", "gone.svg"]


def test_the_changelog_is_open_for_the_next_change() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE)


def dead_links(document: Path) -> list[str]:
    """Return the targets in *document* that are no file beside it, or no heading of that file."""
    links = re.findall(r"\]\(\s*<?([^)\s>]+)", without_code(document))
    return [link for link in links if not re.match(r"[a-z]+:", link) and is_dead(document, link)]


def is_dead(document: Path, link: str) -> bool:
    name, _, heading = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists():
        return True
    return bool(heading) and target.suffix == ".md" and heading not in anchors(target)


def anchors(document: Path) -> set[str]:
    """Return the names by which the headings of *document* can be linked to."""
    headings = re.findall(r"^#+ +(.+?) *$", without_code(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(document: Path) -> str:
    text = document.read_text(encoding="utf-8")
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
