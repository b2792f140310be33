"""What browsers of today say of themselves, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.dictionaries import BROWSERS, OPERATING_SYSTEMS
from tocsin.domain.user_agent import browser_and_os

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/134.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/134.0.0.0 Mobile Safari/537.36"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/134.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "browser", "system"),
    [
        pytest.param(WINDOWS, "Chrome", "Windows", id="Chrome on Windows"),
        pytest.param(ANDROID, "Chrome", "Android", id="Chrome on Android"),
        pytest.param(MAC, "Chrome", "macOS", id="Chrome on a Mac"),
        pytest.param(
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/134.0.0.0 Safari/537.36",
            *("Chrome", "Linux"),
            id="Chrome on Linux",
        ),
        pytest.param(
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/134.0.0.0 Safari/537.36",
            *("Chrome", "Chrome OS"),
            id="Chrome on a Chromebook",
        ),
        pytest.param(
            f"{IPHONE} {APPLE} CriOS/134.0.6998.33 Mobile/15E148 Safari/604.1",
            *("Chrome", "iOS"),
            id="Chrome on an iPhone",
        ),
        pytest.param(
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) {WEBKIT} Version/4.0 "
            "Chrome/134.0.0.0 Mobile Safari/537.36",
            *("Chrome", "Android"),
            id="a web view",
        ),
        pytest.param(
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/134.0.0.0 Safari/537.36",
            *("Chrome", "Linux"),
            id="headless Chrome",
        ),
        pytest.param(
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Ubuntu Chromium/100.0.4896.75 "
            "Chrome/100.0.4896.75 Safari/537.36",
            *("Chromium", "Linux"),
            id="Chromium on Ubuntu",
        ),
        pytest.param(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:136.0) Gecko/20100101 Firefox/136.0",
            *("Firefox", "Windows"),
            id="Firefox on Windows",
        ),
        pytest.param(
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0",
            *("Firefox", "Linux"),
            id="Firefox on Ubuntu",
        ),
        pytest.param(
            "Mozilla/5.0 (Android 14; Mobile; rv:136.0) Gecko/136.0 Firefox/136.0",
            *("Firefox", "Android"),
            id="Firefox on Android",
        ),
        pytest.param(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:136.0) Gecko/20100101 Firefox/136.0",
            *("Firefox", "macOS"),
            id="Firefox on a Mac",
        ),
        pytest.param(
            f"{IPHONE} {APPLE} FxiOS/136.0 Mobile/15E148 Safari/605.1.15",
            *("Firefox", "iOS"),
            id="Firefox on an iPhone",
        ),
        pytest.param(
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.3 Safari/605.1.15",
            *("Safari", "macOS"),
            id="Safari on a Mac",
        ),
        pytest.param(
            f"{IPHONE} {APPLE} Version/17.5 Mobile/15E148 Safari/604.1",
            *("Safari", "iOS"),
            id="Safari on an iPhone",
        ),
        pytest.param(
            f"{IPHONE} {APPLE} Mobile/15E148",
            *("Safari", "iOS"),
            id="a page on the home screen of an iPhone",
        ),
        pytest.param(f"{WINDOWS} Edg/134.0.0.0", "Edge", "Windows", id="Edge on Windows"),
        pytest.param(f"{ANDROID} EdgA/133.0.3065.65", "Edge", "Android", id="Edge on Android"),
        pytest.param(
            f"{IPHONE} {APPLE} Version/17.0 EdgiOS/133.0.3065.80 Mobile/15E148 Safari/604.1",
            *("Edge", "iOS"),
            id="Edge on an iPhone",
        ),
        pytest.param(f"{WINDOWS} OPR/118.0.0.0", "Opera", "Windows", id="Opera on Windows"),
        pytest.param(f"{ANDROID} OPR/88.0.0.0", "Opera", "Android", id="Opera on Android"),
        pytest.param(
            f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/27.0 Chrome/125.0.0.0 "
            "Mobile Safari/537.36",
            *("Samsung Internet", "Android"),
            id="Samsung Internet",
        ),
        pytest.param(
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/130.0.0.0 "
            "YaBrowser/24.12.0.0 Safari/537.36",
            *("Yandex", "Windows"),
            id="Yandex on Windows",
        ),
        pytest.param(f"{WINDOWS} Vivaldi/7.0.3495.29", "Vivaldi", "Windows", id="Vivaldi"),
        pytest.param(
            f"Mozilla/5.0 (Linux; Android 14) {WEBKIT} Version/4.0 Chrome/124.0 Mobile "
            "DuckDuckGo/5 Safari/537.36",
            *("DuckDuckGo", "Android"),
            id="DuckDuckGo on Android",
        ),
        pytest.param(
            f"Mozilla/5.0 (Linux; U; Android 13; en-US; RMX3085) {WEBKIT} Version/4.0 "
            "Chrome/100.0.4896.58 UCBrowser/13.5.0.1312 Mobile Safari/537.36",
            *("UC Browser", "Android"),
            id="UC Browser",
        ),
        pytest.param(
            "Mozilla/5.0 (Mobile; Nokia_8000_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
            *("Firefox", "KaiOS"),
            id="KaiOS",
        ),
        pytest.param("curl/8.0", None, None, id="no browser"),
        pytest.param("", None, None, id="nothing"),
    ],
)
def test_the_user_agent(user_agent: str, browser: str | None, system: str | None) -> None:
    assert names(browser_and_os(user_agent, {})) == (browser, system)


@pytest.mark.parametrize(
    ("user_agent", "brands", "platform", "browser", "system"),
    [
        pytest.param(
            WINDOWS,
            '"Not:A-Brand";v="24", "Chromium";v="134", "Google Chrome";v="134"',
            *('"Windows"', "Chrome", "Windows"),
            id="Chrome",
        ),
        pytest.param(
            WINDOWS,
            '"Brave";v="134", "Chromium";v="134", "Not;A=Brand";v="99"',
            *('"Windows"', "Brave", "Windows"),
            id="Brave, which no User-Agent tells",
        ),
        pytest.param(
            WINDOWS,
            '"Microsoft Edge";v="134", "Chromium";v="134", " Not A;Brand";v="8"',
            *('"Windows"', "Edge", "Windows"),
            id="Edge",
        ),
        pytest.param(
            WINDOWS,
            '"Opera GX";v="118", "Chromium";v="133", "Not(A:Brand";v="99"',
            *('"Windows"', "Opera", "Windows"),
            id="Opera GX",
        ),
        pytest.param(
            ANDROID,
            '"Android WebView";v="134", "Chromium";v="134", "Not.A/Brand";v="99"',
            *('"Android"', "Chrome", "Android"),
            id="a web view",
        ),
        pytest.param(
            MAC,
            '"Chromium";v="134", "Not/A)Brand";v="8"',
            *('"macOS"', "Chromium", "macOS"),
            id="Chromium and no other",
        ),
        pytest.param(
            WINDOWS,
            '"YaBrowser";v="25", "Chromium";v="134", "Yowser";v="2.5"',
            *('"Windows"', "Yandex", "Windows"),
            id="Yandex",
        ),
        pytest.param(
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/134.0.0.0 Safari/537.36",
            '"Chromium";v="134", "Google Chrome";v="134"',
            *('"Chrome OS"', "Chrome", "Chrome OS"),
            id="the platform outdoes the User-Agent",
        ),
        pytest.param(WINDOWS, "", '"Unknown"', "Chrome", "Windows", id="an unknown platform"),
        pytest.param(WINDOWS, '"12";v="1"', '"12"', "Chrome", "Windows", id="an id is no name"),
        pytest.param("", ',,;;"', '"', None, None, id="rubbish"),
    ],
)
def test_client_hints_outdo_it(
    user_agent: str, brands: str, platform: str, browser: str | None, system: str | None
) -> None:
    hints = {"sec-ch-ua": brands, "sec-ch-ua-platform": platform}

    assert names(browser_and_os(user_agent, hints)) == (browser, system)


@given(st.text(max_size=600), st.text(max_size=600), st.text(max_size=100))
def test_whatever_is_said_gives_ids_or_nothing(user_agent: str, brands: str, platform: str) -> None:
    hints = {"sec-ch-ua": brands, "sec-ch-ua-platform": platform}

    browser, system = browser_and_os(user_agent, hints)

    assert browser is None or browser in BROWSERS
    assert system is None or system in OPERATING_SYSTEMS


def names(ids: tuple[int | None, int | None]) -> tuple[str | None, str | None]:
    browser, system = ids
    return (
        None if browser is None else BROWSERS[browser],
        None if system is None else OPERATING_SYSTEMS[system],
    )
