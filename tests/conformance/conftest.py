from collections.abc import Iterator

import pytest
from world import World


@pytest.fixture
def world(migrated_url: str) -> Iterator[World]:
    """Return the services on a migrated database of each kind."""
    world = World(migrated_url)
    yield world
    world.close()
