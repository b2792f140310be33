"""The virtual subscribers as the site's visitors: made, brought in, and told apart by number."""

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tocsin.domain.account import Scope
from tocsin.domain.container import Container
from tocsin.simulators.push_service import PushService
from tocsin.simulators.virtual_subscribers import write_import_file
from tocsin.web.imports import import_lines
from tocsin.wiring import Program

SEED = "tocsin demo"


@dataclass(frozen=True, slots=True)
class Person:
    """What the page tells of one virtual subscriber."""

    language: str
    country: str
    browser: str
    os: str


class NotTaken(RuntimeError):
    """A virtual subscriber was refused: a defect of the demo."""


def bring_in(
    program: Program,
    scope: Scope,
    container: Container,
    *,
    service: PushService,
    count: int,
    site_host: str,
) -> dict[int, Person]:
    """Import *count* virtual subscribers of *service* and return them by their numbers."""
    file = io.StringIO()
    write_import_file(
        file,
        count=count,
        container=container.key,
        base_url=service.base_url,
        seed=SEED,
        applications={site_host: 1},
        vapid_public_key=container.vapid_public_key,
    )
    lines = file.getvalue().splitlines()
    for result in import_lines(
        (line.encode() for line in lines),
        scope,
        subscribers=program.subscribers,
        containers=program.containers,
    ):
        if result["status"] == "error":
            raise NotTaken(f"line {result['line']}: {result['message']}")
    return dict(enumerate(map(_person, lines)))


def _person(line: str) -> Person:
    facts = json.loads(line)
    return Person(**{name: facts[name] for name in ("language", "country", "browser", "os")})


def tallied(people: Mapping[int, Person], attribute: str) -> Iterable[tuple[str, int]]:
    """Return each value of an attribute with the number of people who have it, most first."""
    return Counter(getattr(person, attribute) for person in people.values()).most_common()
