"""The demo: the real command, its shop asked as the page asks it, and its whole end."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from programs import ADDRESS, Program, Programs
from tocsin.demo import orders
from tocsin.demo.stage import CannotStart, Ports, staged

SUBSCRIBERS: Final = 20
ANY_PORT: Final = ("--port", "0", "--site-port", "0", "--push-service-port", "0")
# What the counters of an execution add up to (contract.md section 3).
PARTS: Final = (
    "delivered",
    "failed",
    "push_unsubscriptions",
    "expired",
    "suppressed",
    "cancelled",
    "pending",
)

Found = TypeVar("Found")
_opener: Final = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Demo:
    """The running demo, by what it prints."""

    program: Program

    @property
    def site(self) -> str:
        return self.program.address

    @property
    def push_service(self) -> str:
        return self.program.expect(rf"push service at {ADDRESS}")["address"]

    @property
    def server(self) -> str:
        return self.program.expect(rf"API is at {ADDRESS}")["address"]

    @property
    def token(self) -> str:
        return self.program.expect(r"export TOKEN=(\S+)")[1]

    @property
    def data(self) -> Path:
        return Path(self.program.expect(r"data are in (\S+?),? ?(?:and are|$)")[1])

    def get(self, path: str) -> Answer:
        return ask(f"{self.site}{path}")

    def post(self, path: str, form: object, *, origin: str | None = None) -> Answer:
        return ask(f"{self.site}{path}", form, {"Origin": origin or self.site})

    def done(self, task_id: str) -> dict[str, Any]:
        """Return the counters of the task's execution, once it is done."""

        def look() -> dict[str, Any] | None:
            items = self.get(f"/pushes/{task_id}").json["items"]
            return items[0]["counters"] if items and items[0]["state"] == "done" else None

        return until(look)

    def titles(self) -> dict[int, Counter[str]]:
        """Return how often each subscriber got each title, as their push service saw it."""
        lines = ask(f"{self.push_service}/report/subscribers").text.splitlines()
        return {each["n"]: Counter(each["titles"]) for each in map(json.loads, lines)}


def ask(url: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
    content = None if body is None else json.dumps(body).encode()
    sort = {} if body is None else {"Content-Type": "application/json"}
    request = Request(url, content, {**sort, **(headers or {})})
    try:
        with _opener.open(request, timeout=20) as answer:
            return Answer(answer.status, answer.headers, answer.read().decode())
    except HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.headers, refusal.read().decode())


def until(look: Callable[[], Found | None]) -> Found:
    """Return the first answer of *look* that is one; another process gives no signal of it."""
    never, deadline = threading.Event(), time.monotonic() + 30
    while (found := look()) is None:
        assert time.monotonic() < deadline
        never.wait(0.05)
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data = str(tmp_path_factory.mktemp("demo"))
    count = str(SUBSCRIBERS)
    with Program.start("demo", *ANY_PORT, "--subscribers", count, "--data", data) as program:
        yield Demo(program)


def test_the_page_is_a_site_with_the_tag_and_without_the_token(demo: Demo) -> None:
    page = demo.get("/")
    line = re.search(r'<script src="([^"]+/tag/[^"]+\.js)" defer></script>', page.text)
    worker = demo.get("/sw.js").text

    assert line is not None
    assert ask(line[1]).status == 200
    assert worker == f'importScripts("{demo.server}/tag/sw.js");\n'
    assert ask(f"{demo.server}/tag/sw.js").status == 200
    assert "'unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<style|style=|<script>|\son\w+=", page.text)
    for path in ("/", "/sw.js", "/site.js", "/site.css", "/icon.svg"):
        answer = demo.get(path)
        assert answer.status == 200
        assert demo.token not in answer.text


def test_the_form_reaches_every_virtual_subscriber_exactly_once(demo: Demo) -> None:
    form = {"title": "Tonight only", "body": "It's half price", "language": "", "country": ""}
    sent = demo.post("/pushes", form)
    counters = demo.done(sent.json["id"])

    assert sent.status == 201
    assert counters["delivered"] == SUBSCRIBERS
    assert counters["total_user"] == sum(counters[part] for part in PARTS) == SUBSCRIBERS
    assert [got["Tonight only"] for got in demo.titles().values()] == [1] * SUBSCRIBERS
    report = ask(f"{demo.push_service}/report").json
    assert (report["violation_count"], report["repeated"]) == (0, 0)
    shown = [m for m in demo.get("/messages?after=0").json["messages"] if "only" in m["title"]]
    assert sorted(message["n"] for message in shown) == list(range(SUBSCRIBERS))
    assert {message["body"] for message in shown} == {"It's half price"}


def test_the_first_task_greets_each_in_their_own_language(demo: Demo) -> None:
    first = re.search(r'data-first-task="(\d+)"', demo.get("/").text)
    assert first is not None
    counters = demo.done(first[1])
    titles = orders.hello(landing_url="")["message"]["title"]
    greeted = [
        (message["language"], message["title"])
        for message in demo.get("/messages").json["messages"]
        if message["title"] in titles.values()
    ]

    assert counters["delivered"] == SUBSCRIBERS
    assert len(set(greeted)) > 2
    assert set(greeted) <= set(titles.items())


def test_the_audience_of_the_form_is_the_audience_of_the_task(demo: Demo) -> None:
    options = re.findall(r'<option value="(\w\w)" data-count="(\d+)">', demo.get("/").text)
    counts = {value: int(count) for value, count in options if value.isupper()}
    country = max(counts, key=counts.__getitem__)
    form = {"title": "To some", "body": "", "language": "", "country": country}

    counters = demo.done(demo.post("/pushes", form).json["id"])

    assert 0 < counters["total_user"] == counts[country] < SUBSCRIBERS


def test_the_curl_line_says_the_same_without_the_token(demo: Demo) -> None:
    form = {"title": "It's $HOME", "body": "", "language": "de", "country": "DE"}
    sent = demo.post("/pushes", form)
    line = sent.json["curl"]

    assert demo.token not in line
    assert line.startswith(f"curl -X POST {demo.server}/v1/hood/push-tasks ")
    assert 'Bearer $TOKEN"' in line
    argument = line.partition(" -d ")[2]
    body = subprocess.check_output(["sh", "-c", f"printf %s {argument}"], text=True)
    again = ask(
        f"{demo.server}/v1/hood/push-tasks",
        json.loads(body),
        {"Authorization": f"Bearer {demo.token}"},
    )
    assert again.status == 201
    assert json.loads(body)["message"]["title"] == {"de": "It's $HOME"}


@pytest.mark.parametrize(
    ("form", "origin", "status", "word"),
    [
        pytest.param({"title": ""}, None, 400, "title", id="what the API refuses, in its words"),
        pytest.param({"body": 3}, None, 400, "body", id="another form than the page's"),
        pytest.param({}, "https://elsewhere.example", 403, "page", id="another site's page"),
    ],
)
def test_a_refusal_is_told(
    demo: Demo, form: dict[str, object], origin: str | None, status: int, word: str
) -> None:
    whole = {"title": "A title", "body": "", "language": "", "country": "", **form}

    refusal = demo.post("/pushes", whole, origin=origin)

    assert refusal.status == status
    assert word in refusal.json["message"]


@pytest.mark.parametrize("ctrl_c", [False, True], ids=["SIGTERM to the leader", "Ctrl-C"])
def test_one_signal_ends_every_process_and_takes_the_data_along(
    programs: Programs, ctrl_c: bool
) -> None:
    demo = Demo(programs.start("demo", *ANY_PORT, "--subscribers", "3"))
    for role in ("planner", "sender"):
        demo.program.expect(f"started +role={role}")
    data = demo.data
    assert (data / "tocsin.db").exists()

    if ctrl_c:
        demo.program.kill(signal.SIGINT)  # a terminal sends it to the whole group
    else:
        demo.program.interrupt_leader(signal.SIGTERM)

    assert demo.program.wait() == 0
    demo.program.expect_end(within=5)
    for role in ("planner", "sender"):  # each has finished what it had begun
        demo.program.expect(f"stopped +role={role}")
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.program.pid, 0)
    assert not data.exists()


def test_given_data_stay_and_are_not_taken_for_a_second_demo(
    programs: Programs, tmp_path: Path
) -> None:
    where = ("--data", str(tmp_path / "kept"), "--subscribers", "3")
    demo = Demo(programs.start("demo", *ANY_PORT, *where))
    demo.done("1")
    demo.program.interrupt_leader(signal.SIGTERM)
    assert demo.program.wait() == 0

    doctor = programs.start("doctor", *where[:2], ready=None)
    second = programs.start("demo", *ANY_PORT, *where, ready=None)

    assert doctor.wait() == 0
    assert second.wait() == 1
    second.expect("is not empty")


@pytest.mark.parametrize(
    ("part", "option"), [("site", "--site-port"), ("push_service", "--push-service-port")]
)
def test_a_port_that_is_taken_is_named_with_its_option(
    tmp_path: Path, part: str, option: str
) -> None:
    free = {"server": 0, "site": 0, "push_service": 0}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = Ports(**{**free, part: port})

        def stage() -> None:
            with staged(tmp_path, environment={}, ports=ports, subscribers=1):
                pass

        with (
            ThreadPoolExecutor(1) as thread,  # the driver of an open browser holds ours
            pytest.raises(CannotStart, match=rf"port {port} .*: choose another with {option}$"),
        ):
            thread.submit(stage).result()


@pytest.mark.parametrize("name", ["TOCSIN_DATABASE_URL", "TOCSIN_PUSH_HOSTS"])
def test_settings_of_a_real_server_are_refused(tmp_path: Path, name: str) -> None:
    ports = Ports(server=0, site=0, push_service=0)
    with (
        pytest.raises(CannotStart, match=f"{name} is set"),
        staged(tmp_path, environment={name: "sqlite:///real.db"}, ports=ports, subscribers=1),
    ):
        pass

    assert list(tmp_path.iterdir()) == []
