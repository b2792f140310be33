"""Bodies with macros: contract.md section 2.2, last paragraph, and section 2.5, Bodies."""

from typing import Any, Final

from task_bodies.message import ACTION
from task_bodies.rows import LANDING, URL, Bad, Good, refused, refused_inside, taken

# fmt: off
NAMES: Final = (
    "UTM_MEDIUM", "UTM_SOURCE", "CAMPAIGN_NAME", "CAMPAIGN_ID", "CONTAINER_ID", "CONTAINER_TYPE",
    "CLICK_ID", "APP_NAME", "PROFILE_ID", "PROFILE_COUNTRY_CODE", "PROFILE_CITY_ID",
    "PROFILE_REGION_ID", "PROFILE_LANG_CODE", "PROFILE_AGE", "PROFILE_SUBTIME",
    "PROFILE_TIMEZONE", "PROFILE_BROWSER_ID", "PROFILE_OS_ID",
)
# fmt: on
TITLE: Final = "message.title"
BROKEN: Final = {
    "unknown": ("Hi ${OCMH_NAME}", "OCMH_"),
    "of the vendor's, misspelt": ("${OCMH_CLICKID}", "the nearest is ${OCMH_CLICK_ID}"),
    "in small letters": ("${ocmh_click_id}", ""),
    "of nothing": ("${}", ""),
    "of a blank": ("${ OCMH_CLICK_ID }", ""),
    "never closed": ("Hi ${OCMH_CLICK_ID", ""),
    "begun at the end": ("Hi ${", ""),
    "user_data without a default": ("Hi ${user_data.name}", "default"),
    "user_data without a key": ("Hi ${user_data.|you}", ""),
    "another's": ("${name|you}", ""),
}


def _in_title(text: str) -> dict[str, Any]:
    return {"en": text}


GOOD: Final[list[Good]] = [
    *taken(TITLE, {f"OCMH_{name}": _in_title(f"Hi ${{OCMH_{name}}}!") for name in NAMES}),
    *taken(
        TITLE,
        {
            "user_data": _in_title("Hi ${user_data.first_name|you}"),
            "user_data with an empty default": _in_title("Hi ${user_data.first_name|}"),
            "user_data with blanks and letters": _in_title("${user_data.a|dear friend, ž}"),
            "several": _in_title("${OCMH_APP_NAME} ${user_data.a|b}${OCMH_CLICK_ID}"),
            "a dollar": _in_title("$5, $$ and $ {x}"),
            "a brace": _in_title("{OCMH_CLICK_ID} }{"),
        },
    ),
    ("a macro in the body", {"message.body": _in_title("${OCMH_APP_NAME}")}, {}),
    ("a macro in the landing", {LANDING: URL + "?c=${OCMH_CLICK_ID}"}, {}),
    ("a macro in the path", {LANDING: URL + "${OCMH_PROFILE_LANG_CODE}/sale"}, {}),
    ("a default in the landing", {LANDING: URL + "?n=${user_data.name|you}"}, {}),
    ("a macro in the image", {"message.image": {"en": URL + "${OCMH_PROFILE_ID}.png"}}, {}),
    ("a macro in the icon", {"message.icon": URL + "?i=${OCMH_CONTAINER_ID}"}, {}),
    ("a macro in the badge", {"message.badge": URL + "?i=${OCMH_CONTAINER_TYPE}"}, {}),
    (
        "macros in a button",
        {
            "message.actions": [
                {**ACTION, "title": {"en": "${OCMH_APP_NAME}"}, "url": URL + "?c=${OCMH_CLICK_ID}"}
            ]
        },
        {},
    ),
]

BAD: Final[list[Bad]] = [
    *refused_inside(
        TITLE,
        {name: (_in_title(text), "en", words) for name, (text, words) in BROKEN.items()},
    ),
    *refused_inside("message.body", {"unknown macro": ({"de": "${X}"}, "de", "")}),
    *refused_inside("message.image", {"unknown macro": ({"en": URL + "?${X}"}, "en", "")}),
    *[
        row
        for path in (LANDING, "message.icon", "message.badge")
        for row in refused(
            path,
            "",
            {"unknown macro": URL + "?${X}", "an open macro": URL + "?${OCMH_CLICK_ID"},
        )
    ],
    *refused_inside(
        "message.actions",
        {
            "unknown macro in a title": ([{**ACTION, "title": {"en": "${X}"}}], "0.title.en", ""),
            "unknown macro in a url": ([ACTION, {**ACTION, "url": URL + "?${X}"}], "1.url", ""),
            "unknown macro in an icon": ([{**ACTION, "icon": URL + "?${X}"}], "0.icon", ""),
        },
    ),
    (
        "macros that fail in two places",
        {TITLE: {"en": "${X}", "de": "${OCMH_APP_NAME"}, LANDING: URL + "?${Y}"},
        [f"{TITLE}.en", f"{TITLE}.de", LANDING],
        "",
    ),
]
