"""schemathesis against a server and its own document: what the document says must be so.

Used by the suite (tests/api) and, for long, by bench/schemathesis_sweep.py.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

# The Hood API and what is simple beside it: the edge answers by Origin, and events take anything.
SWEPT: Final = r"^/(v[012]/(hood|ocamba)|tag|healthz|readyz|metrics|openapi|docs)"
# What stands in paths, by the kind of thing that has such an id.
PLACES: Final = {
    "task_id": "push-tasks",
    "execution_id": "executions",
    "user_id": "users",
    "container_id": "containers",
    "group_id": "groups",
    "application_group_id": "application-groups",
    "segment_id": "segments",
    "zone_id": "zones",
    "token_id": "personal-api-keys",
}
# How often a path names a thing that is there; otherwise anything that the document allows.
KNOWN_IDS: Final = 0.7
# A JSON Schema can not say everything: bytes of UTF-8 and not characters, a start that is past,
# whether what is named is there. So a body that it allows may be refused, but for no other reason.
TAKEN: Final = ["2xx", "400", "404", "409"]
# Under an Idempotency-Key the first answer comes again, also when what it made is deleted since:
# so schemathesis may not take every answer to a create for news.
# It would make a schema of its own out of our sentences; it is the document that is on trial.
# A bad line of an import is told of in the answer, and holds up none of the others.
CONFIG: Final = f"""
hooks = {json.dumps(str(Path(__file__).with_name("document_lines.py")))}
[phases.fuzzing.error-feedback]
enabled = false
[checks.positive_data_acceptance]
expected-statuses = {json.dumps(TAKEN)}
[checks.ensure_resource_availability]
enabled = false
[[operations]]
include-path = "/v1/hood/users/import"
[operations.checks.negative_data_rejection]
enabled = false
"""
_SUMMARY: Final = re.compile(r"(\d[\d,]*) generated, (\d[\d,]*) passed")


def configuration(ids: Mapping[str, str]) -> str:
    """Return what schemathesis is told of paths. ids: of things that are there, by their kind."""
    known = {place: ids[kind] for place, kind in PLACES.items() if kind in ids}
    words = [f"[dictionaries.{place}]\nvalues = ['{known[place]}']" for place in known]
    drawn = [
        f"'path.{place}' = {{dictionary = '{place}', probability = {KNOWN_IDS}}}" for place in known
    ]
    return "\n".join([CONFIG, *words, "[parameters]", *drawn])


def command(
    address: str, token: str, config: Path, arguments: Sequence[str], *, only: str = SWEPT
) -> list[str | Path]:
    """Return the command that sweeps the server at *address*. only: a pattern of paths."""
    return [
        Path(sys.executable).with_name("schemathesis"),
        "--config-file",
        config,
        "run",
        f"{address}/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
        "--include-path-regex",
        only,
        "--no-color",
        "--warnings=off",
        *arguments,
    ]


def sweep(
    address: str, token: str, ids: Mapping[str, str], *arguments: str, where: Path, within: float
) -> tuple[int, str]:
    """Return how many requests were good, and what schemathesis printed when any was not.

    where: an empty directory of the caller's. within: seconds that it may take.
    """
    config = where / "schemathesis.toml"
    config.write_text(configuration(ids))
    done = subprocess.run(
        command(address, token, config, arguments),
        cwd=where,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    found = _SUMMARY.search(done.stdout)
    if done.returncode or found is None:
        return 0, done.stdout + done.stderr
    return int(found[2].replace(",", "")), ""
