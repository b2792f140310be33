"""What can be said of the browser's files without a browser."""

import gzip

import pytest

from tocsin.browser import asset, script

PREFIX = b'const TOCSIN_URL = "https://push.example.com";\n'  # put there by the server


@pytest.mark.parametrize(
    ("content", "limit"),
    [
        pytest.param(script("tag/tag.js"), 6_000, id="tag: 6 kB"),
        pytest.param(PREFIX + script("worker/worker.js"), 4_000, id="worker: 4 kB"),
        pytest.param(script("tag/loader.js"), 1_000, id="loader: 1 kB"),
    ],
)
def test_the_compressed_size_keeps_its_promise(content: bytes, limit: int) -> None:
    assert len(gzip.compress(content)) < limit


def test_tag_and_worker_carry_the_same_shared_part() -> None:
    tag, worker = (shared_part(name) for name in ("tag/tag.js", "worker/worker.js"))

    assert tag == worker


def shared_part(name: str) -> str:
    text = asset(name).decode()
    start, end = text.index("  // ---- shared"), text.index("  // ---- end")
    return text[start:end]


@pytest.mark.parametrize("name", ["tag/tag.js", "tag/loader.js", "worker/worker.js"])
def test_browsers_get_all_but_the_lines_that_are_comments(name: str) -> None:
    code, in_comment = [], False
    for line in asset(name).decode().splitlines(keepends=True):
        bare = line.strip()
        begins = bare.startswith("/*")
        if not (in_comment or begins or bare.startswith("//")):
            code.append(line)
        assert "*/" not in bare or bare.endswith("*/") or not (in_comment or begins), line
        in_comment = (in_comment or begins) and "*/" not in bare
        assert not in_comment or bare.startswith(("/*", "*")), line

    assert script(name).decode() == "".join(code)


def test_the_loader_has_one_place_for_the_config() -> None:
    assert asset("tag/loader.js").count(b"__TOCSIN_CONFIG__") == 1


def test_an_unknown_asset_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        asset("tag/other.js")
