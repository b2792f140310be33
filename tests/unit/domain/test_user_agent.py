from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.dictionaries import BROWSERS, OPERATING_SYSTEMS
from tocsin.domain.user_agent import browser_and_os

_UNHURRIED = settings(deadline=None)  # a busy machine is no fault

_KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"
_WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KHTML}"
_ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {_KHTML}"
_LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {_KHTML}"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROME = "Chrome/120.0.0.0"
_CROS = f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_KHTML}"
_GREASE = '"Not_A Brand";v="8"'


def _named(user_agent: str, hints: Mapping[str, str]) -> tuple[str | None, str | None]:
    browser, system = browser_and_os(user_agent, hints)
    return (browser and BROWSERS[browser]) or None, (system and OPERATING_SYSTEMS[system]) or None


@pytest.mark.parametrize(
    ("user_agent", "browser", "system"),
    [
        (f"{_WINDOWS} {_CHROME} Safari/537.36", "Chrome", "Windows"),
        (f"{_ANDROID} {_CHROME} Mobile Safari/537.36", "Chrome", "Android"),
        (f"{_ANDROID} Version/4.0 {_CHROME} Mobile Safari/537.36 wv", "Chrome", "Android"),
        (f"{_LINUX} HeadlessChrome/156.0.0.0 Safari/537.36", "Chrome", "Linux"),
        (
            f"{_CROS} {_CHROME} Safari/537.36",
            "Chrome",
            "Chrome OS",
        ),
        (f"{_IPHONE} CriOS/120.0 Mobile/15E148 Safari/604.1", "Chrome", "iOS"),
        (f"{_LINUX} Ubuntu Chromium/80.0 Chrome/80.0 Safari/537.36", "Chromium", "Linux"),
        (f"{_WINDOWS} {_CHROME} Safari/537.36 Edg/120.0.0.0", "Edge", "Windows"),
        (f"{_ANDROID} {_CHROME} Mobile Safari/537.36 EdgA/120.0", "Edge", "Android"),
        (f"{_LINUX} {_CHROME} Safari/537.36 OPR/106.0.0.0", "Opera", "Linux"),
        (f"{_ANDROID} {_CHROME} Mobile Safari/537.36 OPR/76.2.4027.73374", "Opera", "Android"),
        (f"{_ANDROID} SamsungBrowser/23.0 {_CHROME} Mobile", "Samsung Internet", "Android"),
        (f"{_WINDOWS} {_CHROME} YaBrowser/23.11.0.0", "Yandex Browser", "Windows"),
        (f"{_WINDOWS} {_CHROME} Safari/537.36 Vivaldi/6.5", "Vivaldi", "Windows"),
        (
            f"{_ANDROID} {_CHROME} UCBrowser/13.4.0.1306 Mobile",
            "UC Browser",
            "Android",
        ),
        (
            f"{_ANDROID} {_CHROME} XiaoMi/MiuiBrowser/12.16.3.1-gn",
            "Mi Browser",
            "Android",
        ),
        (f"{_ANDROID} {_CHROME} HuaweiBrowser/13.0.5.303 Mobile", "Huawei Browser", "Android"),
        (f"{_ANDROID} {_CHROME} Mobile DuckDuckGo/5 Safari/537.36", "DuckDuckGo", "Android"),
        (f"{_WINDOWS} {_CHROME} Whale/3.23.214.10 Safari/537.36", "Whale", "Windows"),
        (f"{_ANDROID} {_CHROME} MQQBrowser/13.5 Mobile Safari/537.36", "QQ Browser", "Android"),
        (f"{_WINDOWS} coc_coc_browser/120.0 {_CHROME} Safari/537.36", "Cốc Cốc", "Windows"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux; rv:121.0) Gecko/1 Firefox/121.0", "Firefox", "Linux"),
        (
            "Mozilla/5.0 (Android 14; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0",
            "Firefox",
            "Android",
        ),
        (f"{_MAC} Version/17.2 Safari/605.1.15", "Safari", "macOS"),
        (f"{_IPHONE} Version/17.2 Mobile/15E148 Safari/604.1", "Safari", "iOS"),
        pytest.param(f"{_IPHONE} Mobile/15E148", "Safari", "iOS", id="web app on the home screen"),
        ("curl/8.0", None, None),
        ("", None, None),
    ],
)
def test_the_user_agent_alone(user_agent: str, browser: str | None, system: str | None) -> None:
    assert _named(user_agent, {}) == (browser, system)


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
