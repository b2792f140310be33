"""Programs written for the vendor's API, in three languages, run against a served Tocsin.

None of the ids that they name exists there. What they are said to send is written here once more,
so that neither side is taken for the truth about the other.
"""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from programs import Programs, environment
from task_bodies.shown import differences

SOURCES: Final = Path(__file__).parents[1] / "programs_of_clients"
RUNNERS: Final = {"sh": "bash", "mjs": "node", "php": "php"}
PAST: Final = "Push task start_time can not be in the past."
FUTURE: Final = "2036-01-01 12:00:00"

_GREETING: Final = {
    "title": {"en": "Hello from Del Systems"},
    "body": {"en": "We are glad to introduce you to ocamba platform"},
    "image": {"en": "https://www.ocamba.com/images/logo.png"},
    "landing_url": "https://www.ocamba.com/",
}
_FALLBACK: Final = {
    "title": "Important Update Available",
    "body": "Please check your app for the latest updates and features.",
    "image": "https://example.com/images/notification-banner.jpg",
    "icon": "https://example.com/icons/app-icon.png",
    "landing_url": "https://example.com/landing/notification",
    "tag": "urgent-update",
    "require_interaction": "1",
    "renotify": "0",
    "silent": "0",
    "vibration": "100,100",
    "badge": "https://example.com/badges/notification-badge.png",
    "actions": [
        {
            "title": "View Details",
            "icon": "https://example.com/icons/action-icon.png",
            "url": "https://example.com/action/learn-more",
        },
        {"title": "Dismiss", "icon": None, "url": None},
    ],
}


def _among(*items: str) -> dict[str, Any]:
    return {"op": "include", "items": list(items)}


def _button(text: str, video: str) -> dict[str, Any]:
    url = f"https://www.youtube.com/watch?v={video}"
    return {"action": None, "icon": None, "title": {"en": text}, "url": url}


_ORDERED: Final[dict[str, dict[str, Any]]] = {
    "targeted": {
        "start_time": "immediately",
        "message": {**_GREETING, "actions": [_button("Yes", "123"), _button("No", "NO")]},
        "targeting": {
            "accounts": _among("6197120"),
            "application_groups": _among("1383"),
            "applications": _among("www.ocamba.com"),
            "apps": _among("21050"),
            "browsers": _among("12"),
            "countries": _among("CA"),
            "groups": _among("481"),
            "languages": _among("es"),
            "os": _among("12"),
            "regions": _among("2593109", "2525468"),
            "remote_users": _among("Nesto Bilo Sta"),
            "segments": _among("2817"),
            "subscribed_age": {"from": 1, "to": 2},
            "user_data": {
                "example1": _among("AZ BZ"),
                "example2": _among("Test"),
                "example3": _among("Test"),
            },
            "users": _among("123123121312312"),
        },
    },
    "hourly": {"start_time": FUTURE, "frequency": "3600", "message": _GREETING},
    "at_noon": {
        "start_time": "immediately",
        "cron": "0 12 * * 1,5",
        "quiet_time": {"from": "0", "to": "4"},
        "message": _GREETING,
    },
    "drawn": {
        "start_time": "immediately",
        "targeting": {"users": _among("16601317995517219702")},
        "adex": {
            "account_id": 123456,
            "campaign_id": ["1011086"],
            "default_campaign_id": 1011086,
            "group_id": ["1723"],
            "number_of_messages": 1,
            "repeat_on_click": 0,
            "zone_id": 3002371,
            "fallback_message": _FALLBACK,
        },
        "ttl": "3600",
        "user_time_zone": "0",
        "total_user": "0",
        "frequency": "86400",
    },
}


@dataclass(frozen=True)
class Server:
    """A Tocsin that was never used before."""

    address: str
    token: str

    def run(self, program: str, **variables: str) -> tuple[int, Any]:
        """Run a client's program to its end; return the status and the body that it printed."""
        told = {"HOOD_URL": self.address, "HOOD_TOKEN": self.token, **variables}
        done = subprocess.run(
            [RUNNERS[program.rpartition(".")[2]], SOURCES / program],
            env=environment(env=told),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        status, body = done.stdout.strip().split("\n", 1)
        return int(status), json.loads(body)

    def view(self, task_id: str) -> Any:
        """Return the task as the API shows it."""
        request = urllib.request.Request(
            f"{self.address}/v1/hood/push-tasks/{task_id}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        assert found["total"] == 1
        return found["items"][0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return one fresh server for all programs; they come faster than the limits allow.

    It takes orders and executes nothing: a task would be finished before it is looked at.
    """
    unlimited = {"TOCSIN_RATE_BURST": "0", "TOCSIN_RATE_STEADY": "0"}
    with Programs.closed_at_end() as programs:
        data = tmp_path_factory.mktemp("tocsin")
        web = ("serve", "--role", "web", "--port", "0")
        serve = programs.start(*web, data=data, env=unlimited, within=60)
        yield Server(serve.address, serve.expect(r"^ +(tocsin_\S+)$")[1])


@pytest.mark.parametrize("language", RUNNERS)
@pytest.mark.parametrize("name", _ORDERED)
def test_a_clients_program_orders_what_it_says(server: Server, name: str, language: str) -> None:
    status, body = server.run(f"{name}.{language}", START_TIME=FUTURE)

    assert status == 201, body
    assert body.keys() == {"id"}
    shown = server.view(body["id"])
    sent = {"name": "Demo", "status": 1, **_ORDERED[name]}
    assert differences(sent, shown) == []
    assert shown["targeting"].keys() == sent.get("targeting", {}).keys()


@pytest.mark.parametrize("language", RUNNERS)
def test_a_start_in_the_past_is_refused_in_the_vendors_words(server: Server, language: str) -> None:
    status, body = server.run(f"hourly.{language}")

    assert status == 400
    assert body["errors"] == [{"field": "start_time", "message": PAST}]
    assert PAST in body["message"]
