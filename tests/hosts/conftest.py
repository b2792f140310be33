"""Three hosts, a PostgreSQL server that they reach over a wire, and nothing of it left behind."""

from collections.abc import Iterator

import pytest
from network import DATABASE, Network, made_network, reason_against

from postgres import Postgres, running_postgres


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Return the networks, with their hosts."""
    if reason := reason_against():
        pytest.skip(reason)
    with made_network() as network:
        yield network


@pytest.fixture(scope="module")
def far_postgres(network: Network) -> Iterator[Postgres]:
    """Return a server that listens on loopback, and in the hosts' network."""
    with running_postgres(network.address(DATABASE)) as server:
        yield server
