"""Every dependency has its sentence of reason, and every lock its hashes."""

import re
import tomllib
from typing import Any, Final

import pytest

from house import ROOT

PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS: Final = {"requirements.txt": ["build"], "requirements-test.txt": ["build", "test"]}


def asked(groups: list[str]) -> set[str]:
    lines = [*PROJECT["project"]["dependencies"]]
    for group in groups:
        lines += PROJECT["dependency-groups"][group]
    return {named(line) for line in lines}


def named(requirement: str) -> str:
    """Return the distribution's normalised name at the start of a requirement."""
    name = re.match(r"[\w.-]+", requirement)
    return re.sub("[-_.]+", "-", name[0]).lower() if name else ""


def test_each_dependency_has_a_reason_and_each_reason_a_dependency() -> None:
    page = (ROOT / "docs" / "decisions" / "dependencies.md").read_text(encoding="utf-8")
    reasons = re.findall(r"^\| `([^`]+)` \| \S.*\.(?: \|)$", page, re.MULTILINE)

    assert sorted(reasons) == sorted(asked(list(PROJECT["dependency-groups"])))


@pytest.mark.parametrize(("lock", "groups"), LOCKS.items(), ids=LOCKS)
def test_a_lock_pins_everything_by_hash_and_names_no_source(lock: str, groups: list[str]) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]

    whole = re.compile(r"[\w.-]+==\S+( ; .*?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    loose = [pin for pin in pins if not whole.fullmatch(pin)]

    assert loose == []
    assert asked(groups) <= {named(pin) for pin in pins}


def test_both_locks_agree() -> None:
    run, test = (
        set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))
        for lock in LOCKS
    )

    assert run <= test
