"""A site, an edge, a visitor: one real browser for all tests, an origin for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext

from .chromium import CHROMIUM, Visitor, a_key, chromium, visitor
from .desktop import Desktop, is_possible
from .desktop import desktop as run_desktop
from .servers import Edge, EdgeDouble, Site, serving


@pytest.fixture(scope="session")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """The desktop that the browser runs on."""
    if not is_possible():
        pytest.fail("no message bus: make system-packages installs dbus, python3-dbus, python3-gi")
    with run_desktop(tmp_path_factory.mktemp("bus")) as screen:
        yield screen


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, desktop: Desktop) -> Iterator[BrowserContext]:
    if CHROMIUM is None:
        pytest.fail("there is no chromium: make system-packages installs it")
    with chromium(tmp_path_factory.mktemp("profile"), bus=desktop.address) as context:
        yield context


@pytest.fixture
def site() -> Iterator[Site]:
    """The customer's site, at an origin that no other test has."""
    site = Site()
    with serving(site) as site.origin:
        yield site


@pytest.fixture
def edge(site: Site) -> Iterator[EdgeDouble]:
    """The edge that the site's tag names; any `Edge` may stand here for the worker's tests."""
    edge = EdgeDouble(origin=site.origin, vapid=a_key())
    with serving(edge) as edge.base_url:
        site.edge = edge
        yield edge


@pytest.fixture
def guest(browser: BrowserContext, site: Site, edge: Edge) -> Iterator[Visitor]:
    """A visitor who has allowed notifications and has not been to the site yet."""
    assert site.edge is edge
    with visitor(browser, site.origin) as guest:
        yield guest


@pytest.fixture
def subscriber(guest: Visitor) -> Visitor:
    """A visitor whose subscription the edge has confirmed."""
    guest.visit()
    guest.page.evaluate("Tocsin.subscribe()")
    return guest
