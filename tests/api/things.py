"""One of everything that an account can own, and the calls that name such things by id."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any, Final

from face import Answer, Face, subscription, task
from starlette.routing import Route

from tocsin.domain.account import Account
from tocsin.services.cutting import Cutting

HOOD: Final = ("/v1/hood/", "/v0/hood/", "/v2/ocamba/")
# Routes that no token opens: browsers, operators and readers of documents call them.
PUBLIC: Final = (
    "/v1/edge/",
    "/tag/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/console",
)
NOWHERE: Final = "999999999999"
# What stands behind these is a word of the contract and no id. Regions are an account's own.
WORDS: Final = {"dictionaries": "regions"}
# Another word for things of a kind.
ALSO: Final = {"recipients": "users"}


@dataclass(frozen=True)
class Owner:
    """An account with a token, a host of its own, and the ids of its things by kind."""

    account: Account
    token: str
    host: str
    ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Called:
    """One call of the API: a method and the template of its path."""

    method: str
    template: str

    @property
    def kinds(self) -> list[str]:
        """The kinds of things that the path names by id, in its order."""
        parts = self.template.split("/")
        return [
            ALSO.get(before, before)
            for before, part in pairwise(parts)
            if part.startswith("{") and before not in WORDS
        ]

    def path(self, ids: list[str]) -> str:
        """Return the path with *ids* in their places, and words in theirs."""
        waiting = iter(ids)
        done: list[str] = []
        for part in self.template.split("/"):
            if not part.startswith("{"):
                done.append(part)
            else:
                done.append(WORDS.get(done[-1]) or next(waiting))
        return "/".join(done)

    @property
    def bodies(self) -> list[Any]:
        """Bodies that such a call may take: with one of them the thing is looked for."""
        if self.method == "PATCH":
            return [{"name": "taken over"}, {"language": "de"}]
        return [None, {"users": ["1"]}] if self.method == "POST" else [None]


def calls(face: Face) -> list[Called]:
    """Return every call that needs a token, out of the routes that are served."""
    found = []
    for route in face.program.web().routes:
        assert isinstance(route, Route)
        if route.path.startswith(HOOD):
            methods = (route.methods or set()) - {"HEAD", "OPTIONS"}
            found += [Called(method, route.path) for method in methods]
        else:
            assert route.path == "/" or route.path.startswith(PUBLIC), f"whose is {route.path}?"
    return sorted(found)


def furnish(face: Face, owner: Account, number: int) -> Owner:
    """Return *owner* with one of each kind of thing that can be made. number: of its browser."""
    host = f"www{number}.example.com"
    made = Owner(owner, face.token(owner), host)
    site = face.site(owner, f"https://{host}")
    person = face.call(
        "POST",
        f"/v1/edge/{site.key}/subscriptions",
        {"subscription": subscription(number), "remote_user_id": f"r{number}"},
        headers={"Origin": f"https://{host}"},
    )
    made.ids.update({"containers": str(site.id), "users": person.json["id"]})
    served = {call.template for call in calls(face) if call.method == "POST"}
    for kind, maker in _MAKERS.items():
        path = maker.path or f"/v1/hood/{kind}"
        if path in served:
            answer = face.call("POST", path, maker.body(made), token=made.token)
            assert answer.status == 201, answer.body
            made.ids[kind] = answer.json["id"]
    face.plan()
    while Cutting(face.program.store).cut(now_ms=face.clock.now_ms()):
        pass
    task_id = made.ids["push-tasks"]
    path = f"/v1/hood/push-tasks/{task_id}/executions"
    executions = face.call("GET", path, token=made.token).json["items"]
    assert len(executions) == 1
    made.ids["executions"] = executions[0]["id"]
    return made


@dataclass(frozen=True)
class _Maker:
    body: Callable[[Owner], dict[str, Any]]
    path: str | None = None


# How a thing of each kind is made. Containers, users and executions are made otherwise.
_MAKERS: Final[Mapping[str, _Maker]] = {
    "push-tasks": _Maker(lambda _: task()),
    "groups": _Maker(lambda owner: {"name": "all", "item_ids": [owner.ids["containers"]]}),
    "application-groups": _Maker(lambda owner: {"name": "hosts", "items": [owner.host]}),
    "segments": _Maker(
        lambda _: {
            "name": "here",
            "status": "active",
            "targeting": {"countries": {"op": "eq", "items": ["CA"]}},
        }
    ),
    "zones": _Maker(
        lambda _: {"name": "feed", "protocol": "feed", "url": "https://ads.example.com/feed"}
    ),
    "personal-api-keys": _Maker(
        lambda _: {"name": "reader", "scopes": ["read"]}, "/v2/ocamba/personal-api-keys"
    ),
}
KINDS: Final = frozenset({"containers", "users", "executions", *_MAKERS})


def foreign(call: Called, theirs: Owner, mine: Owner) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the ids for *call*, some of them *theirs*, and the same with ids of nothing for those.

    Where a path names several things, every mixture with things of *mine* is there.
    """
    for choice in product((True, False), repeat=len(call.kinds)):
        if any(choice):
            pairs = list(zip(call.kinds, choice, strict=True))
            yield (
                [(theirs if is_theirs else mine).ids[kind] for kind, is_theirs in pairs],
                [NOWHERE if is_theirs else mine.ids[kind] for kind, is_theirs in pairs],
            )


def told(answer: Answer, ids: list[str]) -> tuple[int, list[tuple[str, str]], str]:
    """Return all that *answer* tells, but for its trace and the *ids* that were asked for.

    The code of an error is its HTTP status, whatever is numbered so.
    """
    text = re.sub(r'("trace_id": ?)"[^"]*"', r'\1"…"', answer.body.decode())
    for one in sorted(set(ids), key=len, reverse=True):
        text = re.sub(rf'(?<!"code": )(?<![0-9]){one}(?![0-9])', "ID", text)
    return answer.status, _said(answer), text


def _said(answer: Answer) -> list[tuple[str, str]]:
    """Return the headers that may not differ; how often one may still ask is another matter."""
    passing = ("x-trace-id", "date", "content-length", "x-ratelimit-remaining")
    lower = [(name.lower(), value) for name, value in answer.headers.items()]
    return sorted(pair for pair in lower if pair[0] not in passing)
