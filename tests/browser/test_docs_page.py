"""/docs in a real browser: nothing from elsewhere, nothing in the way, everything to be found."""

import json
import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import BrowserContext, Page

from programs import Program, Programs

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# The smallest contrast between any text and the paper, as WCAG 2.2 reckons it.
FAINTEST = """() => {
    const light = (color) => {
        const parts = color.match(/[0-9.]+/g).slice(0, 3).map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const probe = document.createElement('p');
    document.body.append(probe);
    probe.style.color = 'canvas';
    const paper = light(getComputedStyle(probe).color);
    probe.remove();
    const all = [...document.body.querySelectorAll('*')];
    const colors = new Set(all.map((one) => getComputedStyle(one).color));
    return Math.min(...[...colors].map((color) => {
        const [dark, bright] = [light(color), paper].sort((one, other) => one - other);
        return (bright + 0.05) / (dark + 0.05);
    }));
}"""
VIOLATION = """() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.blockedURI));
    const image = document.createElement('img');
    image.onerror = () => setTimeout(() => resolve('the browser went there'));
    image.src = 'http://localhost:9/pixel.gif';
    document.body.append(image);
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with Programs.closed_at_end() as programs:
        data = tmp_path_factory.mktemp("docs")
        yield programs.start("serve", "--port", "0", data=data, within=60)


@pytest.fixture
def told() -> list[str]:
    """What the browser had to say, and every host that it asked."""
    return []


@pytest.fixture
def page(browser: BrowserContext, server: Program, told: list[str]) -> Iterator[Page]:
    page = browser.new_page()
    page.on("console", lambda message: told.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: told.append(f"error: {error}"))
    page.on("request", lambda request: told.append(urlsplit(request.url).netloc))
    page.goto(f"{server.address}/docs")
    yield page
    page.close()


def document(server: Program) -> dict[str, Any]:
    with urlopen(f"{server.address}/openapi.json") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_it_asks_nobody_else_and_has_nothing_to_complain_of(
    page: Page, server: Program, told: list[str]
) -> None:
    page.evaluate(OPEN_ALL)

    assert set(told) == {urlsplit(server.address).netloc}
    assert page.locator("script").count() == 0


def test_the_browser_is_told_to_ask_nobody_else(page: Page) -> None:
    assert page.evaluate(VIOLATION) == "http://localhost:9/pixel.gif"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_goes_over_the_edge_and_all_can_be_read(page: Page, scheme: Any, size: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    assert page.evaluate(OVERFLOW) == 0

    page.evaluate(OPEN_ALL)

    assert page.evaluate(OVERFLOW) == 0
    assert page.evaluate(FAINTEST) >= 4.5, "WCAG 2.2, success criterion 1.4.3"


def test_every_operation_is_there_by_method_path_and_summary(page: Page, server: Program) -> None:
    shown = {
        " ".join(text.split())
        for text in page.locator("details.operation > summary").all_text_contents()
    }
    for path, item in document(server)["paths"].items():
        for method, said in item.items():
            older = " older path" if said.get("deprecated") else ""
            assert f"{method.upper()} {path} {said['summary']}{older}" in shown
            assert page.locator(f"#{said['operationId']}").count() == 1
    assert len(shown) == page.locator("details.operation").count()


def test_every_link_leads_somewhere(page: Page, server: Program) -> None:
    links = page.eval_on_selector_all("a", "(all) => all.map((one) => one.getAttribute('href'))")
    for link in set(links):
        if link.startswith("#"):
            assert page.locator(f"[id='{link[1:]}']").count() == 1, link
        else:
            with urlopen(server.address + link) as answer:
                assert answer.status == 200


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    page.evaluate(OPEN_ALL)
    levels = page.eval_on_selector_all(
        "h1, h2, h3, h4, h5, h6", "(all) => all.map((one) => Number(one.tagName[1]))"
    )

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_keyboard_is_enough(page: Page) -> None:
    """Tab goes by the links to the calls; Enter opens one, and Tab goes on inside it."""
    first = page.locator("details.operation").first
    for _ in range(page.locator("header a").count() + 1):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert first.evaluate("(one) => one.open")

    page.keyboard.press("Tab")

    assert first.evaluate("(one) => one.contains(document.activeElement)")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_a_field_says_what_it_takes(page: Page) -> None:
    page.evaluate(OPEN_ALL)
    create = page.locator("#post_v1_hood_push_tasks")

    def row(name: str) -> str:
        rows = create.locator(f"xpath=.//div[dt/code[text()='{name}']]")
        return " ".join((rows.first.text_content() or "").split())

    assert row("name").startswith("name required text of 1 to 255 bytes")
    assert row("frequency").startswith(
        "frequency whole number 3600 to 94608000, divisible by 60 or null"
    )
    assert row("ttl").startswith("ttl whole number 0 to 2419200 or null seconds")
    assert row("urgency").startswith('urgency one of "very-low", "low", "normal", "high" or null')
    errors = create.locator("a[href^='#error-']").all_text_contents()
    assert errors == ["400", "401", "403", "409", "413", "415", "429", "500", "503"]


def test_a_command_can_be_copied_and_run(page: Page, server: Program, tmp_path: Path) -> None:
    token = server.expect(r"^ +(tocsin_\S+)$")[1]
    page.evaluate(OPEN_ALL)
    for place, examples in (
        ("post_v1_hood_push_tasks", 4),
        ("get_v1_hood_push_tasks", 1),
        ("post_v1_hood_push_tasks_preview", 4),
        ("get_v1_hood_dictionaries_dictionary", 1),
    ):
        commands = page.locator(f"#{place} pre").all_inner_texts()
        assert len(commands) == examples
        for command in commands:
            ran = subprocess.run(
                ["bash", "-c", f"{command} --fail-with-body --silent --show-error"],
                env={"PATH": os.environ["PATH"], "BASE": server.address, "TOKEN": token},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert json.loads(ran.stdout)
