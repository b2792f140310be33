"""Macros: what is one, what is wrong with one, and what it becomes."""

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.macros import (
    NAMES,
    Macro,
    Rule,
    Template,
    attributes_of,
    expand,
    fix,
    longest_values,
    parse,
    recipient_values,
    sample_values,
    task_values,
)

REFERENCE: Final = Path(__file__).parents[3] / "docs" / "reference" / "macros.md"
NOW_MS = 1_770_289_200_000  # 2026-02-05 11:00:00 UTC
DAY_MS = 86_400_000
KNOWN: dict[str, Any] = {
    "id": 2**64 - 1,
    "host": "www.example.com",
    "container_id": 7,
    "container_type": "web",
    "country": "RS",
    "city": "792680",
    "region": "785958",
    "language": "sr-Latn",
    "time_zone": "Europe/Belgrade",
    "browser": 12,
    "os": 4,
    "subscribed_ms": NOW_MS - 3 * DAY_MS,
    "user_data": {},
}


@pytest.mark.parametrize(
    ("text", "template"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("Hello", ("Hello",), id="no macro"),
        pytest.param("$5 {x} $ {", ("$5 {x} $ {",), id="dollars and braces"),
        pytest.param("${OCMH_APP_NAME}", (Macro("OCMH_APP_NAME"),), id="nothing else"),
        pytest.param(
            "$${OCMH_APP_NAME}}", ("$", Macro("OCMH_APP_NAME"), "}"), id="the first brace ends it"
        ),
        pytest.param(
            "a${OCMH_CLICK_ID}${OCMH_PROFILE_ID}b",
            ("a", Macro("OCMH_CLICK_ID"), Macro("OCMH_PROFILE_ID"), "b"),
            id="two in a row",
        ),
        pytest.param(
            "Hi ${user_data.first name|dear | friend}!",
            ("Hi ", Macro("user_data.first name", "dear | friend"), "!"),
            id="custom data with its default",
        ),
        pytest.param("${user_data.a.b|}", (Macro("user_data.a.b", ""),), id="an empty default"),
        pytest.param(
            f"${{user_data.{'k' * 64}|}}", (Macro(f"user_data.{'k' * 64}"),), id="a long key"
        ),
    ],
)
def test_a_text_is_parsed(text: str, template: Template) -> None:
    assert parse(text) == (template, ())


@pytest.mark.parametrize(
    ("text", "rules", "words"),
    [
        pytest.param("${}", [Rule.UNKNOWN], "which is no macro", id="no name"),
        pytest.param(
            "${OCMH_CAMPAIN_ID}",
            [Rule.UNKNOWN],
            "has ${OCMH_CAMPAIN_ID}, which is no macro; the nearest is ${OCMH_CAMPAIGN_ID}",
            id="a typo",
        ),
        pytest.param("${ocmh_click_id}", [Rule.UNKNOWN], "", id="in small letters"),
        pytest.param("${ OCMH_CLICK_ID }", [Rule.UNKNOWN], "the nearest is ${OCMH_CLICK_ID}"),
        pytest.param(
            "${user_data|x}", [Rule.UNKNOWN], "the nearest is ${user_data.KEY|text}", id="no key"
        ),
        pytest.param("a ${", [Rule.NOT_CLOSED], "without a }", id="cut off"),
        pytest.param("${OCMH_CLICK_ID", [Rule.NOT_CLOSED], "has ${OCMH_CLICK_ID without a }"),
        pytest.param(
            "${user_data.a|${OCMH_APP_NAME}}", [Rule.NOT_CLOSED], "do not hold macros", id="nested"
        ),
        pytest.param("${user_data.plan}", [Rule.NEEDS_DEFAULT], "text may be empty"),
        pytest.param("${user_data.|x}", [Rule.BAD_KEY], "not of 1 to 64 bytes", id="empty key"),
        pytest.param(f"${{user_data.{'š' * 33}|}}", [Rule.BAD_KEY], "", id="66 bytes"),
        pytest.param("${user_data.}", [Rule.BAD_KEY, Rule.NEEDS_DEFAULT], "", id="both at once"),
        pytest.param("${OCMH_APP_NAME|you}", [Rule.TAKES_NO_DEFAULT], "OCMH_APP_NAME|you"),
        pytest.param(
            "${A} ${user_data.b} ${OCMH_APP_NAME} ${",
            [Rule.UNKNOWN, Rule.NEEDS_DEFAULT, Rule.NOT_CLOSED],
            "",
            id="all at once, in order",
        ),
    ],
)
def test_what_is_wrong_with_a_macro(text: str, rules: list[Rule], words: str) -> None:
    template, flaws = parse(text)

    assert [flaw.rule for flaw in flaws] == rules
    assert words in str(flaws[0])
    good = template if len(template) > 1 else ()
    assert all(isinstance(part, str) or part.name in NAMES for part in good)
    assert expand(template, {"OCMH_APP_NAME": "${OCMH_APP_NAME}"}) == text


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://h.example/${OCMH_CLICK_ID}", True),
        ("https://h.example/a/${OCMH_CLICK_ID}/b?c#d", True),
        ("https://h.example?c=${OCMH_CLICK_ID}", True),
        ("https://h.example#${OCMH_CLICK_ID}", True),
        ("https://h.example:8443/${OCMH_CLICK_ID}", True),
        ("https://${OCMH_APP_NAME}/", False),
        ("https://h.example${OCMH_CLICK_ID}", False),
        ("https://h.example${OCMH_CLICK_ID}/", False),
        ("https://h.${user_data.a|x/y}.example/", False),
        ("${OCMH_CLICK_ID}://h.example/", False),
        ("${user_data.a|//h.example/}", False),
    ],
)
def test_where_a_macro_may_stand_in_a_url(url: str, is_good: bool) -> None:
    template, flaws = parse(url, is_url=True)

    assert [flaw.rule for flaw in flaws] == ([] if is_good else [Rule.BEFORE_PATH])
    assert any(isinstance(part, Macro) for part in template) == is_good


def test_every_macro_of_a_recipient() -> None:
    found = recipient_values([*NAMES, "user_data.x"], KNOWN, now_ms=NOW_MS)

    assert found | task_values(task_id="1057", name="Sale") == {
        "OCMH_UTM_MEDIUM": "push",
        "OCMH_UTM_SOURCE": "www.example.com",
        "OCMH_CAMPAIGN_NAME": "Sale",
        "OCMH_CAMPAIGN_ID": "1057",
        "OCMH_CONTAINER_ID": "7",
        "OCMH_CONTAINER_TYPE": "web",
        "OCMH_APP_NAME": "www.example.com",
        "OCMH_PROFILE_ID": "18446744073709551615",
        "OCMH_PROFILE_COUNTRY_CODE": "RS",
        "OCMH_PROFILE_CITY_ID": "792680",
        "OCMH_PROFILE_REGION_ID": "785958",
        "OCMH_PROFILE_LANG_CODE": "sr-Latn",
        "OCMH_PROFILE_AGE": "3",
        "OCMH_PROFILE_SUBTIME": "2026-02-02T11:00:00Z",
        "OCMH_PROFILE_TIMEZONE": "Europe/Belgrade",
        "OCMH_PROFILE_BROWSER_ID": "12",
        "OCMH_PROFILE_OS_ID": "4",
    }


def test_what_is_unknown_has_no_value() -> None:
    nothing = dict.fromkeys(KNOWN) | {"user_data": {}}

    assert recipient_values([*NAMES, "user_data.x"], nothing, now_ms=NOW_MS) == {}


@pytest.mark.parametrize(
    ("elapsed_ms", "days"),
    [(0, "0"), (DAY_MS - 1, "0"), (DAY_MS, "1"), (-1, "0"), (400 * DAY_MS + 5, "400")],
)
def test_the_age_is_in_whole_days(elapsed_ms: int, days: str) -> None:
    known = {"subscribed_ms": NOW_MS - elapsed_ms}

    found = recipient_values(["OCMH_PROFILE_AGE"], known, now_ms=NOW_MS)

    assert found == {"OCMH_PROFILE_AGE": days}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ana", "Ana"),
        ("", ""),
        (7, "7"),
        (7.0, "7.0"),
        (True, "true"),
        (["a", 1, False, "b"], "a,1,false,b"),
        (["a", None], "a"),
        ([""], ""),
        (None, None),
        ([], None),
        ([None], None),
    ],
)
def test_custom_data_as_text(value: Any, text: str | None) -> None:
    name = "user_data.a.b"

    found = recipient_values([name], {"user_data": {"a.b": value}}, now_ms=NOW_MS)

    assert found.get(name) == text
    assert expand((Macro(name, "friend"),), found) == ("friend" if text is None else text)


def test_only_what_is_needed_is_asked_for() -> None:
    assert attributes_of(["OCMH_CLICK_ID", "OCMH_UTM_MEDIUM", "OCMH_CAMPAIGN_ID"]) == frozenset()
    assert attributes_of(["OCMH_APP_NAME", "OCMH_UTM_SOURCE", "user_data.a", "user_data.b"]) == {
        "host",
        "user_data",
    }
    assert attributes_of([*NAMES, "user_data.a"]) == KNOWN.keys()


def test_a_task_settles_its_own_macros_once_for_all() -> None:
    template, _ = parse("${OCMH_CAMPAIGN_NAME} for ${OCMH_PROFILE_ID}")

    fixed = fix(template, task_values(task_id="7", name="${OCMH_PROFILE_ID}"))

    assert expand(fixed, {"OCMH_PROFILE_ID": "3"}) == "${OCMH_PROFILE_ID} for 3"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = st.dictionaries(st.sampled_from(NAMES), TEXT | st.sampled_from(["${OCMH_PROFILE_ID}"]))
PARTS = st.lists(
    TEXT.filter(lambda text: "${" not in text and not text.endswith("$"))
    | st.sampled_from(NAMES).map(Macro),
    max_size=8,
)


@given(parts=PARTS, values=VALUES)
def test_expansion_is_a_single_pass(parts: Any, values: dict[str, str]) -> None:
    text = "".join(part if isinstance(part, str) else f"${{{part.name}}}" for part in parts)
    naive = "".join(part if isinstance(part, str) else values.get(part.name, "") for part in parts)

    template, flaws = parse(text)

    assert flaws == ()
    assert expand(template, values) == naive
    assert expand(fix(template, values), {}) == naive


@given(text=TEXT | st.lists(st.sampled_from(["${", "}", "|", "user_data.", *NAMES])).map("".join))
def test_any_text_is_parsed(text: str) -> None:
    template, flaws = parse(text)

    assert all(str(flaw) for flaw in flaws)
    assert "" not in template
    if not flaws:
        assert ("${" in text) == any(isinstance(part, Macro) for part in template)


@given(value=TEXT, default=TEXT.filter(lambda text: "}" not in text and "${" not in text + "{"))
def test_a_value_in_a_url_is_escaped_and_leaves_the_host_alone(value: str, default: str) -> None:
    url = f"https://h.example/a${{OCMH_APP_NAME}}/${{user_data.k|{default}}}?q=${{OCMH_APP_NAME}}#x"

    found = expand(parse(url, is_url=True)[0], {"OCMH_APP_NAME": value})

    parts = urlsplit(found)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "h.example", "x")
    assert re.fullmatch(r"[A-Za-z0-9._~%/-]*", parts.path)
    assert unquote(parts.query) == f"q={value}"
    assert unquote(parts.path.split("/")[2]) == default


def test_nobody_is_longer_than_the_longest() -> None:
    longest = longest_values(name=None)
    far = NOW_MS + 99_999 * DAY_MS

    found = recipient_values(NAMES, KNOWN, now_ms=far - DAY_MS * 3)

    assert longest.keys() == set(NAMES)
    for name, value in found.items():
        assert len(value) <= len(longest[name]), name
    assert longest_values(name="é")["OCMH_CAMPAIGN_NAME"] == "é"
    assert len(longest_values(name=None, data=["user_data.a"])["user_data.a"]) == 255


def test_the_reference_has_every_macro_in_order_and_the_sample_as_its_example() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `\$\{(\w+)\}` \| .* \| `(.+)` \|$", page, re.MULTILINE)
    sample = sample_values(name="Spring sale", now_ms=NOW_MS + 42 * DAY_MS)

    assert [name for name, _ in rows] == list(NAMES)
    assert {name: example for name, example in rows if name != "OCMH_CLICK_ID"} == sample
