"""``tocsin subscribers``: what is said while lines are taken, when it ends early, and of files."""

import io
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from doubles import FakeClock
from tocsin.cli.main import tocsin
from tocsin.cli.progress import Progress, progress_line
from tocsin.domain.container import Container
from tocsin.domain.errors import NotFound, Unavailable
from tocsin.services.subscribers import SubscriberService
from tocsin.settings import Settings
from tocsin.simulators.virtual_subscribers import VirtualSubscribers
from tocsin.store.subscribers import Subscribers as Rows
from tocsin.web.imports import AT_ONCE, LONGEST_LINE_BYTES
from tocsin.wiring import Program

BROWSERS: Final = VirtualSubscribers("cli")
ACCOUNT: Final = ("--account", "main")
USAGE: Final = 2


@pytest.fixture
def data(tmp_path: Path, migrated_sqlite: Path) -> Path:
    """Return a data directory with a migrated database."""
    shutil.copy(migrated_sqlite, tmp_path / "tocsin.db")
    return tmp_path


@pytest.fixture
def site(data: Path) -> Container:
    """Return the only container of the account main."""
    program = Program(Settings(data=data, database_url=f"sqlite:///{data / 'tocsin.db'}"))
    owner = program.accounts.create("main")
    site = program.containers.create(owner.scope, name="site", origins=["https://www.example.com"])
    program.close()
    return site


def line(site: Container, number: int, **more: Any) -> bytes:
    browser = BROWSERS.get(number).subscription("https://fcm.googleapis.com")
    return json.dumps({"container": site.key, "subscription": browser} | more).encode() + b"\n"


def invoke(data: Path, *arguments: str | Path, **more: Any) -> Result:
    runner = CliRunner(env={"TOCSIN_DATA": str(data)})
    return runner.invoke(tocsin, ["subscribers", *map(str, arguments)], **more)


def exported(data: Path, *arguments: str) -> list[dict[str, Any]]:
    result = invoke(data, "export", *ACCOUNT, *arguments, "-")
    assert result.exit_code == 0, result.output
    return [json.loads(one) for one in result.stdout.splitlines()]


def test_lines_come_in_by_a_pipe(data: Path, site: Container) -> None:
    lines = line(site, 1) + b"\n" + line(site, 2).rstrip()

    result = invoke(data, "import", *ACCOUNT, "-", input=lines)

    assert (result.exit_code, result.stdout) == (0, "2 created, 0 updated, 0 refused\n")
    assert result.stderr == "", "a bar is for terminals"
    assert len(exported(data)) == 2


def test_refused_lines_are_named_and_written(data: Path, site: Container) -> None:
    file, errors = data / "people.ndjson", data / "errors.ndjson"
    long = b'{"x":"' + b"x" * LONGEST_LINE_BYTES + b'"}\n'
    file.write_bytes(line(site, 1) + long + b"\xff\n" + b"{}\n" * 30)

    result = invoke(data, "import", *ACCOUNT, "--errors", errors, file)

    assert (result.exit_code, result.stdout) == (1, "1 created, 0 updated, 32 refused\n")
    said = result.stderr.splitlines()
    assert said[0] == "line 2: the line is longer than 65536 bytes"
    assert said[1] == "line 3: the line is not UTF-8 at byte 0"
    assert len(said) == 21
    assert said[-1] == "... and 12 more lines"
    written = [json.loads(one) for one in errors.read_text("utf-8").splitlines()]
    assert [one["line"] for one in written] == list(range(2, 34))
    assert written[0] == {
        "line": 2, "status": "error", "message": "the line is longer than 65536 bytes",
    }  # fmt: skip


def test_an_import_goes_on_from_a_line(data: Path, site: Container) -> None:
    file, errors = data / "people.ndjson", data / "errors.ndjson"
    file.write_bytes(b"{}\n\n" + b"".join(line(site, number) for number in range(5)) + b"{}\n")
    errors.write_text("what was there\n")

    result = invoke(data, "import", *ACCOUNT, "--errors", errors, "--from-line", "5", file)

    assert result.stdout == "3 created, 0 updated, 1 refused\n"
    assert result.stderr.startswith("line 8: ")
    assert errors.read_text("utf-8").startswith('what was there\n{"line": 8,')
    past_the_end = invoke(data, "import", *ACCOUNT, "--from-line", "9", file)
    assert (past_the_end.exit_code, past_the_end.stdout[:9]) == (0, "0 created")


@pytest.mark.parametrize(
    "trouble", [KeyboardInterrupt(), Unavailable("the database cannot be reached")]
)
@pytest.mark.parametrize("groups", [0, 1])
def test_an_import_that_ends_early_says_where_to_go_on(
    data: Path,
    site: Container,
    monkeypatch: pytest.MonkeyPatch,
    trouble: BaseException,
    groups: int,
) -> None:
    real, left = SubscriberService.register, iter([True] * groups)

    def register(*arguments: Any) -> Any:
        if next(left, False):
            return real(*arguments)
        raise trouble

    monkeypatch.setattr(SubscriberService, "register", register)
    monkeypatch.setattr("tocsin.cli.subscribers.FILE_AT_ONCE", AT_ONCE)
    file = data / "people.ndjson"
    file.write_bytes(b"".join(line(site, number) for number in range(AT_ONCE + 1)))

    result = invoke(data, "import", *ACCOUNT, file)

    assert result.exit_code == 1
    if groups:
        assert result.stderr.startswith(
            f"{AT_ONCE} created, 0 updated, 0 refused. All lines before line {AT_ONCE + 1} are "
            f"dealt with: to go on, run it again with --from-line {AT_ONCE + 1}\n"
        )
    else:
        assert "No line is taken in: run it again" in result.stderr
    monkeypatch.undo()
    again = invoke(data, "import", *ACCOUNT, "--from-line", str(groups * AT_ONCE + 1), file)
    assert again.exit_code == 0
    assert len(exported(data)) == AT_ONCE + 1


def test_an_import_is_whole_when_the_database_is_too_busy_for_statistics(
    data: Path, site: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: object) -> None:
        raise Unavailable("the database is busy")

    monkeypatch.setattr(Rows, "take_stock", busy)

    result = invoke(data, "import", *ACCOUNT, "-", input=line(site, 1))

    assert (result.exit_code, result.stdout) == (0, "1 created, 0 updated, 0 refused\n")


def test_what_an_import_can_not_read_or_write_is_told(data: Path, site: Container) -> None:
    file = data / "people.ndjson"
    file.write_bytes(line(site, 1))

    def said(*arguments: str | Path, code: int = USAGE) -> str:
        result = invoke(data, "import", *arguments)
        assert result.exit_code == code, result.output
        return result.stderr.splitlines()[-1]

    assert "does not exist" in said(*ACCOUNT, data / "nothing")
    assert "--errors would overwrite" in said(*ACCOUNT, "--errors", file, file)
    assert "x>=1" in said(*ACCOUNT, "--from-line", "0", file)
    nowhere = data / "no" / "errors"
    assert said(*ACCOUNT, "--errors", nowhere, file, code=1) == (
        f"Error: {nowhere}: No such file or directory"
    )
    assert isinstance(invoke(data, "import", "--account", "x", file).exception, NotFound)
    assert file.read_bytes() == line(site, 1)


# -- an export


def test_an_export_is_whole_private_and_goes_on(data: Path, site: Container) -> None:
    invoke(data, "import", *ACCOUNT, "-", input=b"".join(line(site, number) for number in range(3)))
    out = data / "out.ndjson"

    result = invoke(data, "export", *ACCOUNT, "--keys", out)

    assert (result.exit_code, result.stderr) == (0, "3 subscribers written\n")
    people = [json.loads(one) for one in out.read_text("utf-8").splitlines()]
    assert people[2]["subscription"] == BROWSERS.get(2).subscription("https://fcm.googleapis.com")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [one["id"] for one in exported(data, "--after", people[0]["id"])] == [
        one["id"] for one in people[1:]
    ]
    assert isinstance(invoke(data, "export", *ACCOUNT, "--after", "1", "-").exception, NotFound)


def test_an_export_that_fails_leaves_what_was_there(
    data: Path, site: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke(data, "import", *ACCOUNT, "-", input=line(site, 1))
    out = data / "out.ndjson"
    out.write_text("of yesterday")
    real = SubscriberService.export

    def export(*arguments: Any, **more: Any) -> Iterator[Any]:
        yield from real(*arguments, **more)
        raise Unavailable("the database cannot be reached")

    monkeypatch.setattr(SubscriberService, "export", export)
    result = invoke(data, "export", *ACCOUNT, out)

    assert isinstance(result.exception, Unavailable)
    assert out.read_text() == "of yesterday"
    assert sorted(one.name for one in data.iterdir() if "ndjson" in one.name) == ["out.ndjson"]


def test_an_export_goes_where_a_link_or_a_pipe_leads(data: Path, site: Container) -> None:
    invoke(data, "import", *ACCOUNT, "-", input=line(site, 1))
    out, link = data / "out.ndjson", data / "link"
    link.symlink_to(out)

    assert invoke(data, "export", *ACCOUNT, link).exit_code == 0
    assert link.is_symlink()
    assert out.read_bytes().count(b"\n") == 1
    pipe = data / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert invoke(data, "export", *ACCOUNT, pipe).exit_code == 0
    assert os.read(reader, 65_536) == out.read_bytes()
    os.close(reader)
    assert pipe.is_fifo()
    nowhere = invoke(data, "export", *ACCOUNT, data / "no" / "out")
    assert (nowhere.exit_code, nowhere.stderr.endswith("No such file or directory\n")) == (1, True)


# -- the bar


class Terminal(io.StringIO):
    """What is a terminal, and can be read."""

    def isatty(self) -> bool:
        return True


def test_a_line_of_progress_says_how_far_how_fast_and_how_long() -> None:
    def told(done: int, count: int, ms: int, total: int | None = 1000) -> str:
        return progress_line("importing", done=done, total=total, count=count, ms=ms)

    assert told(0, 0, 0) == "importing  0 %  0"
    assert told(250, 12_345, 1500) == "importing  25 %  12,345  8,230/s  0:00:04 left"
    assert told(10, 1, 37_000_00) == "importing  1 %  1  0/s  101:45:00 left"
    assert told(1000, 50, 2000) == "importing  100 %  50  25/s"
    assert told(1001, 50, 2000) == "importing  100 %  50  25/s", "somebody wrote more meanwhile"
    assert told(5000, 2_000_000, 1000, None) == "importing  2,000,000  2,000,000/s"
    assert told(0, 0, 1000, 0) == "importing  0  0/s"


def test_progress_is_drawn_ten_times_a_second_and_on_terminals_only() -> None:
    clock, terminal, file = FakeClock(), Terminal(), io.StringIO()
    for stream in (terminal, file):
        progress = Progress("exporting", total=100, stream=stream, monotonic_ms=clock.monotonic_ms)
        for done in range(1, 100):
            clock.forward(10)
            progress.at(done, done)
        progress.clear()
        progress.end(100, 100)

    assert file.getvalue() == ""
    drawn = terminal.getvalue().split("\r\x1b[K")
    assert len(drawn) == 1 + 9 + 2
    assert drawn[1] == "exporting  10 %  10  100/s  0:00:00 left"
    assert drawn[-1] == "exporting  100 %  100  101/s\n"


def test_a_terminal_gets_a_bar(data: Path, site: Container) -> None:
    main, leaf = os.openpty()
    file = data / "people.ndjson"
    file.write_bytes(line(site, 1) + b"{}\n" + line(site, 2))

    def on_terminal(*arguments: str | Path) -> str:
        with os.fdopen(os.dup(leaf), "w") as terminal, pytest.MonkeyPatch.context() as patch:
            patch.setattr("tocsin.cli.subscribers.sys", _Sys(terminal))
            invoke(data, *arguments)
        return os.read(main, 4096).decode()

    imported = on_terminal("import", *ACCOUNT, file)
    written = on_terminal("export", *ACCOUNT, data / "out.ndjson")
    for end in (main, leaf):
        os.close(end)

    assert "importing  100 %  3" in imported
    assert "exporting  100 %  2" in written


class _Sys:
    """Of the module sys, what a command looks at."""

    def __init__(self, stderr: Any) -> None:
        self.stderr = stderr
