"""Files are read in one sitting, functions on one page."""

import ast
from pathlib import Path
from typing import Final

import pytest

from house import SOURCES, shown

LONGEST_FILE: Final = 500  # lines; review asks at 400
LONGEST_FUNCTION: Final = 60  # lines; review asks at 50


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_a_file_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= LONGEST_FILE
    assert not too_long(text)


def test_a_long_function_is_found() -> None:
    body = "\n".join(["    pass"] * LONGEST_FUNCTION)

    assert too_long(f"class A:\n  async def f():\n{body}\n") == {"f": LONGEST_FUNCTION + 1}
    assert too_long(f"def f():\n{body}\nclass A:\n  def f(): pass\n") == {"f": LONGEST_FUNCTION + 1}
    assert not too_long("def f(): pass\n" + "pass\n" * 100)


def too_long(text: str) -> dict[str, int]:
    """Return the lines of each function of *text* that has too many."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, functions)]
    lines: dict[str, int] = {}
    for node in found:  # of those that share a name, the longest
        size = (node.end_lineno or 0) - node.lineno + 1
        lines[node.name] = max(size, lines.get(node.name, 0))
    return {name: count for name, count in lines.items() if count > LONGEST_FUNCTION}
