import pytest

from tocsin.domain.dictionaries import (
    BROWSERS,
    COUNTRIES,
    LANGUAGES,
    OPERATING_SYSTEMS,
    browser_id,
    country_of_time_zone,
    is_country,
    is_language_tag,
    is_time_zone,
    operating_system_id,
    reported_language,
)


def test_the_vocabularies_are_whole() -> None:
    assert len(COUNTRIES) == 249
    assert len(LANGUAGES) == 183
    assert all(len(code) == 2 and code.islower() and name for code, name in LANGUAGES.items())
    assert (COUNTRIES["CA"], LANGUAGES["pt"]) == ("Canada", "Portuguese")


@pytest.mark.parametrize(
    ("names", "number", "name"),
    [
        pytest.param(BROWSERS, 12, "Chrome", id="browser of the vendor's samples"),
        pytest.param(OPERATING_SYSTEMS, 12, "Android", id="system of the vendor's samples"),
        pytest.param(OPERATING_SYSTEMS, 4, "macOS", id="other system of the vendor's samples"),
    ],
)
def test_ids_of_the_vendor(names: dict[int, str], number: int, name: str) -> None:
    assert names[number] == name


@pytest.mark.parametrize("names", [BROWSERS, OPERATING_SYSTEMS], ids=["browsers", "systems"])
def test_no_name_stands_twice(names: dict[int, str]) -> None:
    assert len({name.casefold() for name in names.values()}) == len(names)


@pytest.mark.parametrize(
    ("time_zone", "country"),
    [
        pytest.param("Europe/Belgrade", "RS", id="plain"),
        pytest.param("Europe/Oslo", "NO", id="a link to Berlin keeps its own country"),
        pytest.param("Europe/Kiev", "UA", id="old name"),
        pytest.param("Asia/Calcutta", "IN", id="old name that browsers still report"),
        pytest.param("America/Coral_Harbour", "CA", id="old name linked to Panama"),
        pytest.param("Africa/Asmera", "ER", id="old name linked to Nairobi"),
        pytest.param("Iceland", "IS", id="old name linked to Abidjan"),
        pytest.param("US/Pacific", "US", id="old style"),
        pytest.param("Etc/UTC", None, id="no place"),
        pytest.param("EST", None, id="an offset, though linked to Panama"),
        pytest.param("Mars/Olympus", None, id="unknown"),
        pytest.param("", None, id="empty"),
    ],
)
def test_country_of_time_zone(time_zone: str, country: str | None) -> None:
    assert country_of_time_zone(time_zone) == country


@pytest.mark.parametrize(
    ("name", "exists"),
    [
        ("Europe/Belgrade", True),
        ("Europe/Kiev", True),
        ("UTC", True),
        ("EST5EDT", True),
        ("Factory", False),
        ("europe/belgrade", False),
        ("../etc/passwd", False),
        ("", False),
        ("+01:00", False),
    ],
)
def test_is_time_zone(name: str, exists: bool) -> None:
    assert is_time_zone(name) is exists


@pytest.mark.parametrize(
    ("code", "exists"), [("CA", True), ("ca", False), ("ZZ", False), ("CAN", False), ("", False)]
)
def test_is_country(code: str, exists: bool) -> None:
    assert is_country(code) is exists


@pytest.mark.parametrize(
    ("text", "exists"),
    [
        ("pt", True),
        ("PT", True),
        ("pt-BR", True),
        ("zh-Hans-CN", True),
        ("es-419", True),
        ("sl-rozaj", True),
        ("de-1996", True),
        pytest.param("xx", False, id="no such language"),
        pytest.param("xx-BR", False, id="no such language under a region"),
        pytest.param("por", False, id="three letters"),
        pytest.param("pt_BR", False, id="underscore"),
        pytest.param("pt-", False, id="empty subtag"),
        pytest.param("pt-BR-Latn", False, id="script after region"),
        pytest.param("pt\n", False, id="newline"),
        pytest.param("\u017fr", False, id="not ASCII"),
        pytest.param("", False, id="empty"),
        pytest.param("pt" + "-abcde" * 6, False, id="38 characters"),
    ],
)
def test_is_language_tag(text: str, exists: bool) -> None:
    assert is_language_tag(text) is exists


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("pt-BR", "pt-BR"),
        pytest.param("PT-br", "pt-BR", id="case"),
        pytest.param("zh-hans-cn", "zh-Hans-CN", id="case of a script"),
        pytest.param("en_US.UTF-8", "en", id="POSIX"),
        pytest.param("en_US", "en-US", id="underscore"),
        pytest.param("iw", "he", id="withdrawn code"),
        pytest.param("fil-PH", "tl-PH", id="Filipino"),
        pytest.param("de-DE-u-co-phonebk", "de-DE", id="extension"),
        pytest.param("C", None, id="no language"),
        pytest.param("haw-US", None, id="a language without a two-letter code"),
        pytest.param("", None, id="empty"),
        pytest.param("-" * 10_000, None, id="hyphens only"),
    ],
)
def test_reported_language(text: str, tag: str | None) -> None:
    assert reported_language(text) == tag


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("chrome", 12),
        ("Google Chrome", 12),
        (" FIREFOX ", 1),
        ("Coc Coc", 17),
        ("Cốc Cốc", 17),
        ("99", None),
        ("012", None),
        ("", None),
    ],
)
def test_browser_id(text: str, number: int | None) -> None:
    assert browser_id(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("4", 4), ("MACOS", 4), ("Mac OS X", 4), ("android", 12), ("ipados", 2), ("plan9", None)],
)
def test_operating_system_id(text: str, number: int | None) -> None:
    assert operating_system_id(text) == number
