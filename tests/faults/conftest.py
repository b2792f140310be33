from collections.abc import Iterator
from pathlib import Path

import pytest
from scene import Scene

from programs import Programs


@pytest.fixture
def scene(programs: Programs, migrated_url: str, tmp_path: Path) -> Iterator[Scene]:
    """Return a scene on either kind of database."""
    with Scene.opened(programs, migrated_url, tmp_path) as opened:
        yield opened
