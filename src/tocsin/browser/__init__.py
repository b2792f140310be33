"""What runs in the visitor's browser: plain JavaScript, shipped as data of this package."""

from importlib.resources import files
from typing import Final

_COMMENTS: Final = (b"//", b"/*", b"*")  # how a line begins that is a comment, or the inside of one


def asset(name: str) -> bytes:
    """Return the bytes of one file of this room, such as ``tag/tag.js``.

    Raises FileNotFoundError for a name that is not here.
    """
    return files(__name__).joinpath(name).read_bytes()


def script(name: str) -> bytes:
    """Return a script of this room as browsers get it: without the lines that are comments.

    Raises FileNotFoundError for a name that is not here.
    """
    lines = asset(name).splitlines(keepends=True)
    return b"".join(line for line in lines if not line.lstrip().startswith(_COMMENTS))
