"""The reference of the command line names every command and option there is, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tocsin.cli.main import tocsin

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "command-line.md"
EVERYWHERE = {"--data", "--config", "--help"}


def described() -> dict[str, str]:
    """Return the row of the first table for each command that it names."""
    rows: dict[str, str] = {}
    for line in REFERENCE.read_text().partition("\n## ")[0].splitlines():
        if line.startswith("| `tocsin"):
            named = line.partition(" | ")[0].replace("\\|", "/")
            for name in re.findall(r"`tocsin ([a-z -]*[a-z])", named):
                rows[" ".join(word for word in name.split() if word[0] != "-")] = named
    return rows


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is no group, with its whole name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}", command


ALL = dict(commands(tocsin))


def test_every_command_is_named_and_no_other() -> None:
    assert described().keys() == ALL.keys()


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_named_and_no_other(name: str) -> None:
    """A row that leaves some to the reader's curiosity ends with dots."""
    options = [one for one in ALL[name].params if isinstance(one, click.Option) and not one.hidden]
    there = {one.opts[0] for one in options} - EVERYWHERE

    row = described()[name]
    told = set(re.findall(r"--[a-z-]+", row))

    assert told <= there
    assert told == there or row.endswith("…`")
