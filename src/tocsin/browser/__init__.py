"""What runs in the visitor's browser: plain JavaScript, shipped as data of this package."""

from importlib.resources import files


def asset(name: str) -> bytes:
    """Return the bytes of one file of this room, such as ``tag/tag.js``.

    Raises FileNotFoundError for a name that is not here.
    """
    return files(__name__).joinpath(name).read_bytes()
