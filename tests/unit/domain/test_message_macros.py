"""Messages with macros: where they may stand, what a person gets, and whether it fits."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.adex import Adex, shown_message
from tocsin.domain.adex import to_json as adex_json
from tocsin.domain.macros import NAMES, task_values
from tocsin.domain.message import (
    MAX_PLAINTEXT_BYTES,
    Action,
    Message,
    compile_payload,
    encrypted_size,
    macros_of,
    message_faults,
    message_warnings,
    payload_json,
    to_json,
)
from tocsin.domain.message_token import TOKEN_LENGTH

URL = "https://www.example.com/"
BAD = URL + "${OCMH_CLICK}"
BAD_EVERYWHERE = Message(
    title={"en": BAD, "de": "plain"},
    body={"en": BAD},
    image={"de": BAD},
    landing_url=BAD,
    icon=BAD,
    badge=BAD,
    tag="${OCMH_CLICK_ID}",
    actions=(Action(title={"en": "plain"}), Action(title={"en": BAD}, icon=BAD, url=BAD)),
)


def message(title: str | Mapping[str, str] = "Hello", **fields: Any) -> Message:
    titles = {"en": title} if isinstance(title, str) else title
    return Message(**{"title": titles, "body": {}, "image": {}, "landing_url": URL, **fields})


def faults(sample: Message, **more: Any) -> list[tuple[str, str]]:
    found = message_faults(
        sample, **{"custom_data": None, "token_length": TOKEN_LENGTH, "name": "x", **more}
    )
    return [(fault.field, fault.message) for fault in found]


def filled(sample: Message, values: Mapping[str, str], **more: Any) -> dict[str, Any]:
    payload = compile_payload(sample, "en", fallback_tag="tag", custom_data=None, **more)
    found: dict[str, Any] = json.loads(payload.fill("the.token", values))
    return found


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        (
            {},
            [
                "message.title.en",
                "message.body.en",
                "message.image.de",
                "message.landing_url",
                "message.icon",
                "message.badge",
                "message.actions.1.title.en",
                "message.actions.1.icon",
                "message.actions.1.url",
                "message.tag",
            ],
        ),
        (
            {"path": "adex.fallback_message", "is_fallback": True},
            [
                "adex.fallback_message.title",
                "adex.fallback_message.body",
                "adex.fallback_message.image",
                "adex.fallback_message.landing_url",
                "adex.fallback_message.icon",
                "adex.fallback_message.badge",
                "adex.fallback_message.actions.1.title",
                "adex.fallback_message.actions.1.icon",
                "adex.fallback_message.actions.1.url",
                "adex.fallback_message.tag",
            ],
        ),
    ],
    ids=["a message", "a fallback"],
)
def test_a_bad_macro_is_refused_wherever_it_stands(
    place: dict[str, Any], fields: list[str]
) -> None:
    sample = BAD_EVERYWHERE if "path" not in place else replace(BAD_EVERYWHERE, title={"en": BAD})

    found = faults(sample, **place)

    assert [field for field, _ in found] == fields
    assert all("the nearest is ${OCMH_CLICK_ID}" in sentence for _, sentence in found[:-1])
    assert "holds no macros" in found[-1][1]


def test_very_many_bad_macros_are_counted() -> None:
    found = faults(message(body={"en": "${a}" * 500}))

    assert len(found) == 21
    assert found[-1] == ("message", "has 480 more macros that are wrong")


def test_good_macros_are_taken_wherever_they_may_stand() -> None:
    good = URL + "".join(f"${{{name}}}" for name in ("OCMH_CLICK_ID", "OCMH_PROFILE_ID"))
    sample = message(
        good,
        body={"en": "Dear ${user_data.first name|friend}"},
        image={"en": good},
        landing_url=good,
        icon=good,
        badge=good,
        actions=(Action(title={"en": good}, icon=good, url=good),),
    )

    assert faults(sample) == []
    assert macros_of(sample) == {"OCMH_CLICK_ID", "OCMH_PROFILE_ID", "user_data.first name"}
    assert "${" not in json.dumps(filled(sample, {}))
    assert macros_of(message()) == frozenset()


def test_a_filled_payload_of_macros() -> None:
    sample = message(
        "${user_data.name|Friend}, it is ${OCMH_CAMPAIGN_NAME}",
        body={"en": "${OCMH_PROFILE_COUNTRY_CODE}${OCMH_PROFILE_CITY_ID}"},
        image={"en": URL + "${OCMH_PROFILE_TIMEZONE}.png"},
        landing_url=URL + "?click=${OCMH_CLICK_ID}&n=${user_data.name|a friend}",
        actions=(
            Action(title={"en": "No, ${user_data.name|you}"}, url=URL + "${OCMH_UTM_MEDIUM}"),
        ),
    )
    person = {"OCMH_PROFILE_TIMEZONE": "Europe/Belgrade", "OCMH_PROFILE_COUNTRY_CODE": "RS"}

    found = filled(sample, person, fixed=task_values(task_id="7", name='"${OCMH_CLICK_ID}"'))

    assert found == {
        "v": 1,
        "token": "the.token",
        "title": 'Friend, it is "${OCMH_CLICK_ID}"',
        "options": {
            "body": "RS",
            "image": URL + "Europe%2FBelgrade.png",
            "tag": "tag",
            "actions": [{"action": "0", "title": "No, you"}],
        },
        "url": URL + "?click=the.token&n=a%20friend",
        "action_urls": [URL + "push"],
    }
    assert filled(sample, person | {"user_data.name": "Ana & Ivo"})["url"].endswith(
        "&n=Ana%20%26%20Ivo"
    )


def test_only_values_of_the_recipient_are_asked_for() -> None:
    sample = message(
        {"en": "${OCMH_CLICK_ID} ${OCMH_CAMPAIGN_ID}", "de": "${OCMH_PROFILE_ID}"},
    )
    shared: Any = {"fallback_tag": "", "custom_data": None}

    fixed = task_values(task_id="7", name="")
    english = compile_payload(sample, "en", fixed=fixed, **shared)
    german = compile_payload(sample, "de", fixed=fixed, **shared)

    assert (english.needs, german.needs) == (frozenset(), {"OCMH_PROFILE_ID"})
    assert b'"t 7"' in english.fill("t")
    assert compile_payload(message(), "en", **shared).gaps == ()


def test_a_broken_macro_of_an_order_stays_as_it_is() -> None:
    sample = message("${OCMH_NOTHING} ${OCMH_PROFILE_ID}", landing_url="https://${OCMH_APP_NAME}/")

    found = filled(sample, {"OCMH_PROFILE_ID": "3", "OCMH_APP_NAME": "evil.example"})

    assert (found["title"], found["url"]) == ("${OCMH_NOTHING} 3", "https://${OCMH_APP_NAME}/")


def test_the_task_fills_its_own_custom_data_in() -> None:
    payload = compile_payload(
        message("${OCMH_PROFILE_ID}"), "en", fallback_tag="", custom_data='{"a":"${OCMH_CLICK_ID}"}'
    )

    assert json.loads(payload.fill("t"))["custom"] == {"a": "${OCMH_CLICK_ID}"}


@pytest.mark.parametrize(
    ("macro", "in_text", "in_url"),
    [
        ("OCMH_CLICK_ID", TOKEN_LENGTH, TOKEN_LENGTH),
        ("OCMH_PROFILE_ID", 20, 20),
        ("OCMH_PROFILE_AGE", 5, 5),
        ("OCMH_PROFILE_SUBTIME", 20, 24),
        ("OCMH_PROFILE_TIMEZONE", 64, 68),
        ("OCMH_APP_NAME", 253, 253),
        ("OCMH_CAMPAIGN_NAME", 3, 4),
        ("user_data.k|a b", 3, 5),
    ],
)
def test_a_macro_counts_with_its_longest_value(macro: str, in_text: int, in_url: int) -> None:
    def over(sample: Message) -> int:
        [(field, sentence)] = faults(sample, name='a"', custom_data=json.dumps({"k": "x" * 3980}))
        assert field == "message"
        assert "in language en: " in sentence
        return int(sentence.split()[1])

    empty = over(message("", landing_url=URL))

    assert over(message(f"${{{macro}}}")) - empty == in_text
    assert over(message("", landing_url=f"{URL}${{{macro}}}")) - empty == in_url


def test_a_fallback_that_is_too_large_is_said_to_be_without_a_language() -> None:
    sample = message("x" * 600, body={"en": "y" * 2000}, icon=URL + "z" * 2000)

    [(field, sentence)] = faults(sample, path="adex.fallback_message", is_fallback=True)

    assert field == "adex.fallback_message"
    assert "bytes too large: with texts" in sentence


def warnings(sample: Message) -> list[tuple[str, str]]:
    return message_warnings(sample, custom_data=None, name="x")


def test_a_language_that_the_title_lacks_draws_a_warning() -> None:
    sample = message(
        {"en": "a", "pt-BR": "b"},
        body={"EN": "c", "pt": "d"},
        image={"de": URL},
        actions=(Action(title={"en": "e", "fr": "f"}),),
    )

    found = warnings(sample)

    assert [code for code, _ in found] == ["language_without_title"] * 3
    assert [sentence.split()[5].strip(":") for _, sentence in found] == ["pt", "de", "fr"]
    assert warnings(message(body={"en": "x"})) == []


def test_long_custom_data_that_would_not_fit_draws_a_warning() -> None:
    room = MAX_PLAINTEXT_BYTES - compile_payload(
        message(""), "en", fallback_tag="-" * 40, custom_data=None
    ).size(TOKEN_LENGTH)
    fits = message("${user_data.a|}" + "x" * (room - 255))
    not_so = message("${user_data.a|}" + "x" * (room - 254))

    assert faults(not_so) == []
    assert warnings(fits) == []
    [(code, sentence)] = warnings(not_so)
    assert code == "user_data_may_not_fit"
    assert "1 bytes too large in language en" in sentence


def test_the_preview_shows_a_sample_subscriber() -> None:
    found = payload_json(
        message("${OCMH_CAMPAIGN_NAME}: ${OCMH_PROFILE_LANG_CODE}, ${user_data.a|none}"),
        "en",
        name="Sale",
        custom_data='{"a":1}',
        now_ms=100 * 86_400_000,
    )

    assert found["title"] == "Sale: sr, none"
    assert (found["options"], found["custom"]) == ({"tag": "tocsin-1057"}, {"a": 1})
    assert len(found["token"]) == TOKEN_LENGTH
    assert encrypted_size({"v": "š"}) == len('{"v":"š"}'.encode()) + 103


def test_what_an_order_shows() -> None:
    own, fallback = message("own"), message("fallback")
    draw = adex_json(Adex(zone_id="1", fallback=fallback))
    bare = adex_json(Adex(zone_id="1"))

    assert shown_message(to_json(own), None) == own
    assert shown_message({}, draw) == fallback
    assert shown_message({}, bare) is None
    assert shown_message({}, None) is None


NASTY = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\u2028\u2029😀\x00\x1f${}%/?#&')
)


@given(value=NASTY, name=st.sampled_from(NAMES))
def test_any_value_gives_json_whose_fields_are_the_expanded_ones(value: str, name: str) -> None:
    sample = message(
        f"<${{{name}}}>",
        body={"en": f"${{{name}}}${{{name}}}"},
        landing_url=f"{URL}${{{name}}}?q=${{{name}}}",
    )
    expected = "the.token" if name == "OCMH_CLICK_ID" else value

    found = filled(sample, {name: value})

    assert found["title"] == f"<{expected}>"
    assert found["options"]["body"] == expected * 2
    in_url = quote(expected, safe="")
    assert found["url"] == f"{URL}{in_url}?q={in_url}"
    assert urlsplit(found["url"]).netloc == "www.example.com"
