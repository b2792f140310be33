from collections.abc import Iterator

import pytest
from courier import Courier
from world import World


@pytest.fixture
def world(migrated_url: str) -> Iterator[World]:
    """Return the services on a migrated database of each kind."""
    world = World(migrated_url)
    yield world
    world.close()


@pytest.fixture
def courier(world: World) -> Courier:
    """Return a sender."""
    return Courier(world)
