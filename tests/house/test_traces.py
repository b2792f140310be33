"""Nothing in the repository tells on which machine, or from which mirror, it was made."""

import re
from pathlib import Path
from typing import Final

import pytest

from house import kept_files, shown

# Spelt so that this file does not hold what it looks for.
TRACES: Final = {
    "a directory of one machine": r"(?<![\w.~-])/(?:work|root|opt/py[p]i|tmp/l[a]b)/",
    "a package registry": r"\b(?:files\.pythonhoste[d]|py[p]i|registry\.np[m]js)\.org\b",
}


@pytest.mark.parametrize("path", kept_files(), ids=shown)
def test_a_file_bears_no_trace_of_its_making(path: Path) -> None:
    assert traces(path.read_text(encoding="utf-8", errors="replace")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cd /work" + "/main", ["a directory of one machine"]),
        ("in /tmp" + "/lab/bin", ["a directory of one machine"]),
        ("see https://py" + "pi.org/project/x", ["a package registry"]),
        ("https://example.com/work/ and ~/work/ and /work", []),
    ],
)
def test_a_trace_is_found(text: str, found: list[str]) -> None:
    assert traces(text) == found


def traces(text: str) -> list[str]:
    """Return what kinds of traces *text* bears."""
    return [kind for kind, pattern in TRACES.items() if re.search(pattern, text)]
