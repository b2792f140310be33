"""A whole Tocsin for process and crash tests: real server, real push service, real curl."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from time import monotonic
from typing import Any, Self

from programs import Program, Programs, environment

ORIGIN = "https://www.example.com"
STARTED = r"started.*role="
TITLES = {"en": "Good news", "de": "Gute Nachricht", "sr": "Dobra vest", "pt-BR": "Boa notícia"}


@dataclass
class Rig:
    """One server on one database, and the push service simulator that its subscribers are at.

    push_port, port: fixed at the first start, so that a restarted server is at its old address.
    """

    programs: Programs
    database_url: str
    directory: Path
    push_service: Program
    server: Program | None = None
    token: str = ""
    key: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        programs: Programs,
        database_url: str,
        directory: Path,
        *,
        origin: str = ORIGIN,
        **settings: str,
    ) -> Self:
        """Start the push service and the server for the first time; make a container.

        origin: of the pages that subscribe.
        """
        push_service = programs.start(
            "simulate", "push-service", "--host", "127.0.0.1", "--port", "0"
        )
        rig = cls(programs, database_url, directory, push_service, settings=settings)
        rig.serve()
        assert rig.server is not None
        rig.token = rig.server.expect(r"^ +(tocsin_\S+)$")[1]
        made = rig.tocsin(
            "container", "create", "--account", "main", "--name", "shop", "--origin", origin
        )
        rig.key = json.loads(made)["key"]
        return rig

    @property
    def environment(self) -> dict[str, str]:
        """The settings of every process of this Tocsin."""
        return {
            "TOCSIN_DATABASE_URL": self.database_url,
            "TOCSIN_PUSH_HOSTS": self.push_service.address.removeprefix("http://"),
            "TOCSIN_RATE_BURST": "0",  # the tests look often
            "TOCSIN_RATE_STEADY": "0",
            **self.settings,
        }

    def serve(self, *arguments: str) -> Program:
        """Start the server, on the port of its first start if there was one."""
        port = self.server.address.rpartition(":")[2] if self.server else "0"
        self.server = self.programs.start(
            "serve",
            "--port",
            port,
            *arguments,
            data=self.directory,
            env=self.environment,
            within=60,
        )
        return self.server

    def leave_web_alone(self) -> None:
        """Stop the whole server in order; start its web process, for workers of their own."""
        assert self.server is not None
        self.server.interrupt_leader(SIGTERM)
        assert self.server.wait() == 0
        self.serve("--role", "web")

    def work(self, role: str, *, wait: bool = True, **env: str) -> Program:
        """Start a worker process beside the server; without *wait*, return at once.

        env: variables of its own.
        """
        return self.programs.start(
            "worker",
            "--role",
            role,
            data=self.directory,
            env={**self.environment, **env},
            ready=STARTED + role if wait else None,
            within=60,
        )

    def tocsin(self, *arguments: str, status: int = 0) -> str:
        """Run one command to its end; return what it printed. status: how it must end."""
        done = subprocess.run(
            [*_TOCSIN, *arguments],
            env=environment(data=self.directory, env=self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def subscribe_virtual(self, count: int) -> list[dict[str, Any]]:
        """Import *count* virtual subscribers of the push service; return their import lines."""
        from tocsin.simulators.virtual_subscribers import write_import_file  # noqa: PLC0415

        path = self.directory / "subscribers.ndjson"
        with path.open("w") as stream:
            write_import_file(
                stream,
                count=count,
                container=self.key,
                base_url=self.push_service.address,
                seed="tocsin",
            )
        printed = self.tocsin("subscribers", "import", "--account", "main", str(path))
        assert f"{count} created, 0 updated, 0 refused" in printed
        return [json.loads(line) for line in path.read_text().splitlines()]

    def post(self, task: dict[str, Any]) -> str:
        """Post a push task with curl, as a user would; return its id."""
        answer = self.curl(
            "-X",
            "POST",
            "-H",
            "Content-Type: application/json",
            "-d",
            json.dumps(task),
            "/v1/hood/push-tasks",
        )
        task_id: str = answer["id"]
        return task_id

    def curl(self, *arguments: str) -> dict[str, Any]:
        """Call the API with curl; the last argument is the path."""
        assert self.server is not None
        done = subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                "--fail-with-body",
                "-H",
                f"Authorization: Bearer {self.token}",
                *arguments[:-1],
                self.server.address + arguments[-1],
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def messages(self) -> list[dict[str, Any]]:
        """Return the last messages of the push service, decrypted, oldest first."""
        with urllib.request.urlopen(f"{self.push_service.address}/messages?after=0") as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found

    def execution(self, task_id: str) -> dict[str, Any] | None:
        """Return the task's only execution, None before it is planned."""
        items = self.curl(f"/v1/hood/push-tasks/{task_id}/executions")["items"]
        assert len(items) <= 1
        return items[0] if items else None

    def until_done(self, task_id: str, *, within: float = 120) -> dict[str, Any]:
        """Return the task's execution once it is done; at every look its numbers add up."""

        def look() -> dict[str, Any] | None:
            execution = self.execution(task_id)
            if execution is None:
                return None
            assert_adds_up(execution["counters"])
            return execution if execution["state"] == "done" else None

        return until(look, within=within)

    def behave(self, rules: list[dict[str, Any]]) -> None:
        """Let the push service misbehave by *rules* from now on."""
        request = urllib.request.Request(
            f"{self.push_service.address}/behaviour", json.dumps(rules).encode(), method="POST"
        )
        urllib.request.urlopen(request).close()

    def report(self, what: str = "") -> Any:
        """Return the push service's report: totals, or one object per subscriber."""
        with urllib.request.urlopen(f"{self.push_service.address}/report{what}") as answer:
            text = answer.read().decode()
        return [json.loads(line) for line in text.splitlines()] if what else json.loads(text)


_TOCSIN = (sys.executable, "-m", "tocsin")


def assert_adds_up(counters: dict[str, int]) -> None:
    """Assert the one law of the counters (contract.md section 3)."""
    assert counters["total_user"] == (
        counters["delivered"]
        + counters["failed"]
        + counters["push_unsubscriptions"]
        + counters["expired"]
        + counters["suppressed"]
        + counters["cancelled"]
        + counters["pending"]
    )


def until(look: Callable[[], Any], *, within: float) -> Any:
    """Return the first answer of *look* that is something; each look is a real round trip."""
    end = monotonic() + within
    while monotonic() < end:
        found = look()
        if found is not None:
            return found
    raise AssertionError(f"nothing came within {within} s")
