"""Sending what tests/spoiling.py makes over a kept connection, and what no answer may be.

Used by the suite (tests/api) and, for long, by bench/fuzz_bodies.py.
"""

import http.client
import json
from typing import Final

from hood_answers import misshapen
from spoiling import Sent
from task_bodies.rows import changed

TASKS: Final = "/v1/hood/push-tasks"
GOOD_STATUS: Final = {"create": 201, "preview": 200, "change": 204}


class Wire:
    """One kept connection to a server, and a task of the account to be changed over it."""

    def __init__(self, host: str, port: int, token: str, *, within: float) -> None:
        """within: seconds that an answer may take."""
        self._connection = http.client.HTTPConnection(host, port, timeout=within)
        self._token = token
        self._task = f"{TASKS}/1"

    def open_task(self) -> None:
        """Make the task that the changes go to."""
        headers = (("Content-Type", "application/json"),)
        plain = Sent(0, "create", "plain", json.dumps(changed({"status": 0})).encode(), headers)
        status, _, body = self.ask(plain)
        assert status == 201, body
        self._task = f"{TASKS}/{json.loads(body)['id']}"

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, sent: Sent) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return the status, the headers and the body that *sent* is answered with."""
        method, path = {
            "create": ("POST", TASKS),
            "preview": ("POST", f"{TASKS}/preview"),
            "change": ("PATCH", self._task),
        }[sent.call]
        return self._call(method, path + sent.query, sent)

    def complaint(self, sent: Sent) -> tuple[int, str | None]:
        """Send *sent*; return the status, and what the contract has against the answer."""
        try:
            status, headers, body = self.ask(sent)
            if status == GOOD_STATUS[sent.call]:
                return status, self._unreadable(sent, body)
        except TimeoutError:
            self.close()
            return 0, "no answer in time"
        if status == 409 and sent.call == "change":
            self.open_task()  # the change before made it run, and it is finished
        if not 400 <= status < 500:
            return status, f"{status}: {body[:200]!r}"
        return status, misshapen(status, headers, body)  # type: ignore[arg-type]  # reads like one

    def _unreadable(self, sent: Sent, body: bytes) -> str | None:
        """Return why what was taken can not be read back."""
        if sent.call == "preview":
            return None
        path = f"{TASKS}/{json.loads(body)['id']}" if sent.call == "create" else self._task
        status, _, shown = self._call("GET", path, None)
        if status != 200 or json.loads(shown)["total"] != 1:
            return f"taken, and then read as {status}: {shown[:200]!r}"
        return None

    def _call(
        self, method: str, path: str, sent: Sent | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        kept = self._connection.sock is not None
        try:
            return self._try(method, path, sent)
        except TimeoutError:
            raise
        except (ConnectionError, http.client.HTTPException):
            self.close()
            if not kept:
                raise
            return self._try(method, path, sent)  # the server had hung up after the last answer

    def _try(
        self, method: str, path: str, sent: Sent | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = self._connection
        connection.putrequest(method, path, skip_accept_encoding=True)
        headers = () if sent is None else sent.headers
        if "Authorization" not in dict(headers):
            connection.putheader("Authorization", f"Bearer {self._token}")
        for name, value in headers:
            connection.putheader(name, value.encode("latin-1"))
        if sent is None:
            connection.endheaders()
        elif sent.chunked:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(iter([sent.body] if sent.body else []), encode_chunked=True)
        else:
            connection.putheader("Content-Length", str(len(sent.body)))
            connection.endheaders(sent.body)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
