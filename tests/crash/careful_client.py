"""A client that does not give up: what it may not know to be done it sends again, same key."""

import json
import threading
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from rig import Rig

WITHIN_S = 60


@dataclass
class CarefulClient:
    """Posts push tasks under an Idempotency-Key, and knows what was acknowledged.

    is_up: set while the API is known to answer; who found it away waits for it. acknowledged:
    the id of each task, by its name. tried: requests that were sent, the repeated ones as well.
    """

    rig: Rig
    is_up: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, str] = field(default_factory=dict)
    tried: int = 0

    def post(self, name: str, *, active: bool) -> str:
        """Return the id of a new task, once there is an answer that gives it."""
        order = {
            "name": name,
            "status": int(active),
            "start_time": "immediately",
            "message": {"title": {"en": name}, "landing_url": "https://www.example.com/"},
        }
        while True:
            assert self.is_up.wait(WITHIN_S), "the API did not come back"
            found = self._try(order)
            if found is not None:
                self.acknowledged[name] = found
                return found

    def _try(self, order: dict[str, Any]) -> str | None:
        """Return the id that a request is answered with, None when it may be sent again."""
        server = self.rig.server
        assert server is not None
        self.tried += 1
        headers = {
            "Authorization": f"Bearer {self.rig.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": order["name"],
        }
        address = server.address.removeprefix("http://")
        with closing(HTTPConnection(address, timeout=WITHIN_S)) as connection:
            try:
                connection.request("POST", "/v1/hood/push-tasks", json.dumps(order), headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, HTTPException):  # refused, cut off, or half an answer
                return None
        assert answer.status in {201, 503}, text
        return str(json.loads(text)["id"]) if answer.status == 201 else None

    def all_tasks(self) -> dict[str, list[str]]:
        """Return the ids of each name that the API lists."""
        found: dict[str, list[str]] = {}
        page, seen, total = 1, 0, 1
        while seen < total:
            answer = self.rig.curl(f"/v1/hood/push-tasks?page={page},500")
            page, seen, total = page + 1, seen + len(answer["items"]), answer["total"]
            for item in answer["items"]:
                found.setdefault(item["name"], []).append(item["id"])
        return found
