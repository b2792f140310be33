"""Questions in the feed protocol: a GET, with everything in the query (contract.md section 2.4)."""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from tocsin.domain.zone import micros_text
from tocsin.exchange.question import Ask, Question, Source, header_lines, said

MAX_URL_BYTES: Final = 8192
MAX_USER_AGENT_CHARACTERS: Final = 512
_ACCEPT: Final = {"accept": "application/json"}


def ask_of(source: Source, question: Question) -> Ask:
    """Return the request for the draw of *question*.

    The query of the source's own URL stands first, and a parameter that it has already is not
    added again. Added are, unless there is nothing to say, ``ua`` user agent (its first 512
    characters), ``ip`` address, ``lang`` language, ``page`` where the ad is shown, ``num`` the
    most ads, ``subid`` publisher id (the push task's), ``bf`` bid floor, ``cmp`` campaign, ``vas``
    group and ``acc`` account ids with commas between, and ``ud_KEY`` a value of the user data: a
    scalar in its JSON form, text as it is, a list with commas between. When the URL were longer
    than 8 KiB, user data is left out from its end. ``cat`` and ``kw``, category and keywords, are
    never sent: nothing here has any.
    """
    own = urlsplit(source.url).query
    known = {name for name, _ in parse_qsl(own, keep_blank_values=True)}
    url = source.url if "?" in source.url else f"{source.url}?"
    glue = "&" if own else ""
    for name, text in _parameters(source, question):
        if text and name not in known:
            url += f"{glue}{name}={_quoted(text)}"
            glue = "&"
    for key, value in said(question.user_data).items():
        name = f"ud_{key}"
        if name in known:
            continue
        longer = f"{url}{glue}{_quoted(name)}={_quoted(_text(value))}"
        if len(longer) > MAX_URL_BYTES:
            break
        url, glue = longer, "&"
    return Ask("GET", url, header_lines(source, _ACCEPT))


def _parameters(source: Source, question: Question) -> Iterator[tuple[str, str]]:
    floor = source.bid_floor_micros
    yield "ua", question.user_agent[:MAX_USER_AGENT_CHARACTERS]
    yield "ip", question.address
    yield "lang", question.language or ""
    yield "page", question.page or ""
    yield "num", str(question.number)
    yield "subid", str(question.task_id)
    yield "bf", "" if floor is None else micros_text(floor)
    yield "cmp", ",".join(question.campaign_ids)
    yield "vas", ",".join(question.group_ids)
    yield "acc", ",".join(question.account_ids)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return quote(text, safe=",", errors="replace")
