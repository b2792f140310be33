"""The process's environment variables."""

import os
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """Return a copy of the environment as it is now."""
    return dict(os.environ)
