from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.dictionaries import BROWSERS, OPERATING_SYSTEMS
from tocsin.domain.user_agent import browser_and_os

_UNHURRIED = settings(deadline=None)  # a busy machine is no fault

_KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"
_WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KHTML}"
_LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {_KHTML}"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT}"
_CHROME = "Chrome/140.0.0.0"
_SAFARI = "Safari/537.36"
_GREASE = '"Not_A Brand";v="8"'


def _named(user_agent: str, hints: Mapping[str, str]) -> tuple[str | None, str | None]:
    browser, system = browser_and_os(user_agent, hints)
    return (browser and BROWSERS[browser]) or None, (system and OPERATING_SYSTEMS[system]) or None


# As browsers send them, a line each: browser, system, user agent; a hyphen where none is known.
_TABLE = Path(__file__).with_name("user_agents.tsv").read_text(encoding="utf-8")
_USER_AGENTS = [line.split("\t") for line in _TABLE.splitlines()]


@pytest.mark.parametrize(("browser", "system", "user_agent"), _USER_AGENTS)
def test_the_user_agent_alone(browser: str, system: str, user_agent: str) -> None:
    found_browser, found_system = _named(user_agent, {})

    assert (found_browser or "-", found_system or "-") == (browser, system)


def test_every_browser_and_system_is_found_in_some_user_agent() -> None:
    assert {browser for browser, _, _ in _USER_AGENTS} == {*BROWSERS.values(), "-"}
    assert {system for _, system, _ in _USER_AGENTS} == {*OPERATING_SYSTEMS.values(), "-"}


def test_an_ipad_that_calls_itself_a_mac_is_taken_at_its_word() -> None:
    user_agent = f"{_MAC} Version/18.5 Safari/605.1.15"

    assert _named(user_agent, {}) == ("Safari", "macOS")


def test_nothing_is_known_of_nothing() -> None:
    assert _named("", {}) == (None, None)


# What stands in Sec-CH-UA beside Chromium, and in Sec-CH-UA-Platform: a user agent that says
# nothing but Chrome lets the hints speak alone.
@pytest.mark.parametrize(
    ("brand", "platform", "expected"),
    [
        ("Google Chrome", "Windows", ("Chrome", "Windows")),
        ("Google Chrome", "macOS", ("Chrome", "macOS")),
        ("Google Chrome", "Android", ("Chrome", "Android")),
        ("Google Chrome", "Chrome OS", ("Chrome", "Chrome OS")),
        ("Google Chrome", "Chromium OS", ("Chrome", "Chrome OS")),
        ("Google Chrome", "Linux", ("Chrome", "Linux")),
        ("Android WebView", "Android", ("Chrome", "Android")),
        ("HeadlessChrome", "Linux", ("Chrome", "Linux")),
        ("Microsoft Edge", "Windows", ("Edge", "Windows")),
        ("Brave", "macOS", ("Brave", "macOS")),
        ("Opera", "Windows", ("Opera", "Windows")),
        ("Opera GX", "Windows", ("Opera", "Windows")),
        ("OperaMobile", "Android", ("Opera", "Android")),
        ("Samsung Internet", "Android", ("Samsung Internet", "Android")),
        ("YaBrowser", "Windows", ("Yandex Browser", "Windows")),
        ("Yandex", "Android", ("Yandex Browser", "Android")),
        ("Vivaldi", "Linux", ("Vivaldi", "Linux")),
        ("Miui Browser", "Android", ("Mi Browser", "Android")),
        ("HuaweiBrowser", "OpenHarmony", ("Huawei Browser", "HarmonyOS")),
        ("HuaweiBrowser", "HarmonyOS", ("Huawei Browser", "HarmonyOS")),
        ("DuckDuckGo", "Windows", ("DuckDuckGo", "Windows")),
        ("Whale", "Windows", ("Whale", "Windows")),
        ("CocCoc", "Windows", ("Cốc Cốc", "Windows")),
        pytest.param("Amazon Silk", "Android", ("Chromium", "Android"), id="one that has no id"),
    ],
)
def test_what_browsers_call_themselves_in_hints(
    brand: str, platform: str, expected: tuple[str, str]
) -> None:
    brands = f'"Chromium";v="140", "{brand}";v="140", "Not=A?Brand";v="24"'
    hints = {"sec-ch-ua": brands, "sec-ch-ua-platform": f'"{platform}"'}

    assert _named(f"{_LINUX} {_CHROME} {_SAFARI}", hints) == expected


@pytest.mark.parametrize(
    ("user_agent", "brands", "platform", "expected"),
    [
        pytest.param(
            f"{_LINUX} {_CHROME} Safari/537.36",
            f'{_GREASE}, "Chromium";v="120", "Brave";v="120"',
            '"Linux"',
            ("Brave", "Linux"),
            id="a brand that hides behind Chrome",
        ),
        pytest.param(
            f"{_LINUX} {_CHROME} Safari/537.36",
            f'{_GREASE}, "Chromium";v="120"',
            '"Linux"',
            ("Chromium", "Linux"),
            id="bare Chromium",
        ),
        pytest.param(
            f"{_LINUX} {_CHROME} Safari/537.36",
            f'{_GREASE}, "Chromium";v="120", "Google Chrome";v="120"',
            '"macOS"',
            ("Chrome", "macOS"),
            id="the platform hint is believed",
        ),
        pytest.param(
            f"{_WINDOWS} {_CHROME} Safari/537.36 Vivaldi/6.5",
            f'"Google Chrome";v="120", "Chromium";v="120", {_GREASE}',
            '"Windows"',
            ("Vivaldi", "Windows"),
            id="another browser that puts Chrome among its brands",
        ),
        pytest.param(
            f"{_WINDOWS} {_CHROME} Safari/537.36 Edg/120",
            f'"Microsoft Edge";v="120", {_GREASE}',
            '"Unknown"',
            ("Edge", "Windows"),
            id="an unknown platform leaves the user agent's",
        ),
        pytest.param(
            f"{_WINDOWS} {_CHROME} Safari/537.36",
            '"Not\\"A;Brand";v="99", "Opera GX";v="106"',
            "",
            ("Opera", "Windows"),
            id="an escaped quote in the grease",
        ),
        pytest.param(
            f"{_WINDOWS} {_CHROME} Safari/537.36",
            '"',
            '"""',
            ("Chrome", "Windows"),
            id="malformed hints",
        ),
    ],
)
def test_client_hints(
    user_agent: str, brands: str, platform: str, expected: tuple[str, str]
) -> None:
    assert _named(user_agent, {"Sec-CH-UA": brands, "sec-ch-ua-platform": platform}) == expected


def test_only_the_head_of_a_long_user_agent_is_read() -> None:
    assert browser_and_os("x" * 512 + f"{_WINDOWS} {_CHROME}", {}) == (None, None)


@_UNHURRIED
@given(st.text(), st.text(), st.text())
def test_it_never_raises(user_agent: str, brands: str, platform: str) -> None:
    browser_and_os(user_agent, {"sec-ch-ua": brands, "sec-ch-ua-platform": platform})


def test_a_lone_surrogate_does_no_harm() -> None:
    assert browser_and_os("\ud800", {"sec-ch-ua": '"\udfff";v="1"'}) == (None, None)
