"""Asking another server of the demo for JSON, as any program of a site's makers would."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

_PATIENCE_S: Final = 10


class OutOfReach(RuntimeError):
    """The other server gave no answer, or none that is JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the value that the JSON of the body holds."""

    status: int
    value: Any


@dataclass(frozen=True, slots=True)
class Peer:
    """A server at *origin*; headers go with every request."""

    origin: str
    headers: Mapping[str, str]

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Return the answer to one request; *body* travels as JSON. Raises OutOfReach."""
        headers = dict(self.headers)
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = HTTPConnection(urlsplit(self.origin).netloc, timeout=_PATIENCE_S)
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()))
        except (OSError, HTTPException, ValueError) as error:
            raise OutOfReach(f"{self.origin} gave no answer: {error}") from None
        finally:
            connection.close()
