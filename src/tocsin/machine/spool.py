"""A place for what is made before it can be handed on."""

import tempfile
from typing import IO, Final

KEPT_BYTES: Final = 256 * 1024


def new_spool() -> IO[bytes]:
    """Return an empty file: in memory up to KEPT_BYTES, else in the directory for such (TMPDIR).

    It has no name, so whoever is killed leaves nothing behind.
    """
    return tempfile.SpooledTemporaryFile(KEPT_BYTES)
