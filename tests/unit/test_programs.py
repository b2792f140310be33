"""The helper that runs the real program, against small ones made up here."""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from programs import NotReadyError, Program, Programs, environment

SERVER = """
import os, signal, sys
print("listening on http://127.0.0.1:4242", flush=True)
print("data", os.environ.get("TOCSIN_DATA"), "words", *sys.argv[1:], flush=True)
signal.pause()
"""

PARENT_AND_CHILD = """
import os, signal
child = os.fork()
if child:
    print("child", child, flush=True)
signal.pause()
"""

STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"asked to stop\\n"))  # print may be busy
print("ready", flush=True)
while True:
    signal.pause()
"""


def python(script: str) -> Program:
    return Program([sys.executable, "-c", script])


@contextmanager
def watched(pid: int) -> Iterator[Callable[..., bool]]:
    """Yield a function that tells whether *pid* ended, waiting at most *within* seconds for it."""
    descriptor = os.pidfd_open(pid)
    try:
        yield lambda *, within: bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)


@pytest.fixture
def pretended_tocsin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tocsin"
    package.mkdir()
    (package / "__init__.py").touch()  # without it the installed package would win
    (package / "__main__.py").write_text(SERVER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("pretended_tocsin")
def test_start_waits_for_the_address(programs: Programs, tmp_path: Path) -> None:
    program = programs.start("serve", "--port", "0", data=tmp_path)

    assert program.address == "http://127.0.0.1:4242"
    assert program.expect(r"data (\S+) words (.*)").groups() == (str(tmp_path), "serve --port 0")
    assert program.running


def test_an_end_before_the_line_is_told_with_the_output() -> None:
    with (
        python("import sys; print('on stdout'); sys.exit('on stderr')") as program,
        pytest.raises(NotReadyError, match=r"(?s)ended without.*on stdout") as failure,
    ):
        program.expect("http://")

    assert "on stderr" in str(failure.value)


def test_a_line_that_does_not_come_is_told_with_the_output() -> None:
    with python(SERVER) as program:
        program.expect("listening")
        with pytest.raises(NotReadyError, match=r"(?s)no line like 'never' in 0.1 s.*listening"):
            program.expect("never", within=0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_reaches_the_whole_group(number: signal.Signals) -> None:
    with (
        python(PARENT_AND_CHILD) as program,
        watched(int(program.expect(r"child (\d+)")[1])) as child_ended,
    ):
        program.kill(number)

        assert program.wait() == -number
        assert child_ended(within=10)
        program.expect_end()


def test_leaving_kills_what_the_leader_left_behind() -> None:
    program = python(PARENT_AND_CHILD.replace("signal.pause()", "child or signal.pause()"))
    with watched(int(program.expect(r"child (\d+)")[1])) as child_ended:
        with program:
            assert program.wait() == 0
            assert not child_ended(within=0)
        assert child_ended(within=10)


def test_a_killed_test_run_takes_its_programs_along(programs: Programs) -> None:
    inner = [sys.executable, "-c", SERVER]
    script = f"""
import signal
from programs import Program
print("pid", Program({inner}).pid, flush=True)
signal.pause()
"""
    places = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = programs.keep(Program([sys.executable, "-c", script], env=places))
    with watched(int(killed.expect(r"pid (\d+)")[1])) as program_ended:
        killed.kill(signal.SIGKILL)

        assert program_ended(within=10)


def test_a_program_that_does_not_stop_is_told_and_killed() -> None:
    program = python(STUBBORN)
    with watched(program.pid) as program_ended, program:
        program.expect("ready")
        program.kill(signal.SIGTERM)
        program.expect("asked to stop")
        with pytest.raises(AssertionError, match="still running after 0 s"):
            program.wait(within=0)
        assert not program_ended(within=0)

    assert program.wait() == -signal.SIGKILL


def test_the_output_is_printed_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Programs.closed_at_end() as programs:
        programs.keep(python(SERVER)).expect("words")

    assert "listening on http://127.0.0.1:4242\ndata None words\n" in capsys.readouterr().out


def test_settings_of_the_caller_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE_URL", "postgresql://a.real.one/people")

    names = {name for name in environment(env={"TOCSIN_RATE_BURST": "0"}) if "TOCSIN" in name}

    assert names == {"TOCSIN_RATE_BURST"}
