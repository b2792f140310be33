"""The secret key: made once, whole, and by nobody twice."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tocsin.machine.secret_key import BadSecretKey, load_or_make

FRESH, OTHER = bytes(range(32)), b"o" * 32

NOBODY = 65534


def test_it_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"

    assert load_or_make(path, may_make=True, fresh=FRESH) == FRESH
    assert load_or_make(path, may_make=True, fresh=OTHER) == FRESH
    assert load_or_make(path, may_make=False, fresh=OTHER) == FRESH
    assert path.read_text() == FRESH.hex() + "\n"


def test_nobody_else_may_read_it_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"

    load_or_make(path, may_make=True, fresh=FRESH)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_draft_of_one_that_was_killed_does_not_stand_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    (tmp_path / f"secret.key.{os.getpid()}").write_text("half a k")

    assert load_or_make(path, may_make=True, fresh=FRESH) == FRESH


def test_of_processes_that_make_it_at_once_all_have_the_same(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from tocsin.machine.secret_key import load_or_make
sys.stdin.readline()
key = load_or_make(Path(sys.argv[1]), may_make=True, fresh=bytes.fromhex(sys.argv[2]))
print(key.hex())
"""
    path = tmp_path / "data" / "secret.key"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, path, f"{number:02x}" * 32],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()

    found = {racer.communicate(timeout=60)[0] for racer in racers}

    assert found == {path.read_text()}
    assert [racer.returncode for racer in racers] == [0] * 4
    assert list(path.parent.iterdir()) == [path]


def test_who_comes_second_reads_what_the_first_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.key"
    link = os.link

    def late(draft: str, target: Path) -> None:
        path.write_text(OTHER.hex())
        link(draft, target)

    monkeypatch.setattr(os, "link", late)

    assert load_or_make(path, may_make=True, fresh=FRESH) == OTHER
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        FRESH,
        FRESH.hex().encode()[:-2],
        FRESH.hex().encode() + b"00",
        b"z" * 64,
        b"\xff" * 64,
        b"canary" * 10,
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)

    with pytest.raises(BadSecretKey, match="it must hold 64 hex digits") as raised:
        load_or_make(path, may_make=True, fresh=OTHER)

    assert "canary" not in str(raised.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [FRESH.hex(), FRESH.hex().upper(), f"  {FRESH.hex()}\r\n"])
def test_a_key_may_be_written_by_hand(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)

    assert load_or_make(path, may_make=False, fresh=OTHER) == FRESH


def test_a_missing_key_that_must_not_be_made(tmp_path: Path) -> None:
    with pytest.raises(BadSecretKey, match=r"cannot read .*: No such file.*TOCSIN_SECRET_KEY_FILE"):
        load_or_make(tmp_path / "secret.key", may_make=False, fresh=FRESH)

    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadSecretKey, match="Is a directory"):
        load_or_make(tmp_path, may_make=True, fresh=FRESH)


def test_a_file_in_the_place_of_its_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(BadSecretKey, match=r"cannot make the secret key"):
        load_or_make(tmp_path / "data" / "secret.key", may_make=True, fresh=FRESH)


def test_a_name_that_leads_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.symlink_to(path)

    with pytest.raises(BadSecretKey, match=r"cannot read .*: Too many levels"):
        load_or_make(path, may_make=True, fresh=FRESH)


@pytest.fixture
def ordinary(tmp_path: Path) -> Iterator[Path]:
    """A directory, and for the length of the test no rights beyond those of an ordinary user."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    with TemporaryDirectory() as directory:
        os.chown(directory, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(directory)
        finally:
            os.seteuid(0)


def test_what_may_not_be_read_or_made(ordinary: Path) -> None:
    path = ordinary / "secret.key"
    path.write_text(FRESH.hex())
    path.chmod(0)
    with pytest.raises(BadSecretKey, match="Permission denied"):
        load_or_make(path, may_make=True, fresh=FRESH)

    closed = ordinary / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(BadSecretKey, match=r"cannot make .*: Permission denied"):
        load_or_make(closed / "secret.key", may_make=True, fresh=FRESH)
