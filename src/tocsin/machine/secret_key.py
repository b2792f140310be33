"""The server's one secret, in a file that nobody else may read."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

_BYTES: Final = 32


class BadSecretKey(ValueError):
    """The file of the secret key cannot be used; says why and what helps."""


def load_or_make(path: Path, *, may_make: bool, fresh: bytes) -> bytes:
    """Return the 32 bytes in the file *path*; make it with *fresh* if it may be made and is absent.

    Of two processes that make it at the same time, one wins and both read the same. Raises
    BadSecretKey when the file is missing and must not be made, is unreadable, or is no key.
    """
    try:
        if may_make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path, fresh)
    except OSError as error:
        raise BadSecretKey(f"cannot make the secret key {path}: {error.strerror}") from None
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise BadSecretKey(
            f"cannot read the secret key {path}: {error.strerror}. Without it the keys in the "
            "database cannot be opened; point TOCSIN_SECRET_KEY_FILE at the file that made them"
        ) from None
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise BadSecretKey(f"{path} is not a secret key: it must hold {2 * _BYTES} hex digits")
    return key


def _make(path: Path, fresh: bytes) -> None:
    """Write the whole file under another name first: nobody ever reads half a key.

    The name is random: in a container every start has the same process id, and the draft of
    one that was killed must not stand in the way of all that follow. The directory is synced
    as well: the key is on the disk before anything that it seals.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(fresh.hex().encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
