"""What the site asks of Tocsin: bodies of push tasks, and the curl line that posts the same."""

import json
import shlex
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from tocsin.domain.errors import Fault, Invalid

PUSH_TASKS: Final = "/v1/hood/push-tasks"
FALLBACK_LANGUAGE: Final = "en"
_FIELDS: Final = ("title", "body", "language", "country")


def hello(*, landing_url: str) -> dict[str, Any]:
    """Return the first task of every demo: a greeting in the languages of all its people."""
    task: dict[str, Any] = json.loads(files(__package__).joinpath("hello.json").read_text("utf-8"))
    task["message"]["landing_url"] = landing_url
    return task


def from_form(form: Mapping[str, Any], *, landing_url: str) -> dict[str, Any]:
    """Return the task that the form orders.

    form: title, body, language and country as texts; an empty language or country means everyone.
    Whether a text will do is left to the API, whose answer the page shows. Raises Invalid for
    another form than the page's.
    """
    strange = [name for name in _FIELDS if not isinstance(form.get(name), str)]
    if strange or len(form) != len(_FIELDS):
        wanted = ", ".join(_FIELDS)
        raise Invalid(
            tuple(Fault(name, f"must be text: the form has {wanted}") for name in strange)
            or (Fault("", f"the form has {wanted} and nothing else"),)
        )
    language = form["language"] or FALLBACK_LANGUAGE
    message: dict[str, Any] = {"title": {language: form["title"]}, "landing_url": landing_url}
    if form["body"]:
        message["body"] = {language: form["body"]}
    task = {
        "name": "From the form of the demo",
        "status": 1,
        "start_time": "immediately",
        "message": message,
    }
    criteria = {"languages": form["language"], "countries": form["country"]}
    targeting = {
        name: {"op": "include", "items": [item]} for name, item in criteria.items() if item
    }
    return {**task, "targeting": targeting} if targeting else task


def curl(server: str, task: Mapping[str, Any]) -> str:
    """Return the command that posts *task*; the token is left to the shell's variable TOKEN."""
    body = shlex.quote(json.dumps(task, indent=2, ensure_ascii=False))
    return (
        f"curl -X POST {server}{PUSH_TASKS} \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {body}"
    )
