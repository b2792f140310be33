"""An import that is killed in the middle, and run again."""

import json
import os
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text

from programs import Programs
from rig import until
from tocsin.domain.container import Container
from tocsin.domain.listing import ListQuery
from tocsin.settings import Settings
from tocsin.simulators.virtual_subscribers import VirtualSubscribers
from tocsin.web.imports import FILE_AT_ONCE
from tocsin.wiring import Program

PEOPLE = 3 * FILE_AT_ONCE  # three transactions of the import


def lines_for(site: Container) -> list[bytes]:
    """Return a line for everybody, each of another browser."""
    browsers = VirtualSubscribers("killed")
    return [
        json.dumps(
            {
                "container": site.key,
                "subscription": browsers.get(number).subscription("https://fcm.googleapis.com"),
                "remote_user_id": str(number),
            }
        ).encode()
        + b"\n"
        for number in range(PEOPLE)
    ]


def test_a_killed_import_is_run_again_and_nobody_is_there_twice_or_missing(
    programs: Programs, tmp_path: Path, migrated_url: str
) -> None:
    program = Program(Settings(data=tmp_path, database_url=migrated_url))
    owner = program.accounts.create("main")
    site = program.containers.create(owner.scope, name="site", origins=["https://www.example.com"])
    lines = lines_for(site)
    file, pipe = tmp_path / "people.ndjson", tmp_path / "pipe"
    file.write_bytes(b"".join(lines))
    os.mkfifo(pipe)
    env = {"TOCSIN_DATABASE_URL": migrated_url}
    killed = programs.start(
        "subscribers", "import", "--account", "main", str(pipe), data=tmp_path, env=env, ready=None
    )
    going_on = threading.Event()

    def feed() -> None:
        """Write all lines but the last, which the import therefore never has."""
        with suppress(BrokenPipeError), pipe.open("wb") as stream:
            stream.write(b"".join(lines[:-1]))
            stream.flush()
            going_on.wait(30)

    feeder = threading.Thread(target=feed)
    feeder.start()

    def taken() -> int:
        count, _ = program.people.list(owner.scope, ListQuery(limit=1))
        return count

    until(lambda: taken() or None, within=30)
    killed.kill()
    killed.wait()
    going_on.set()
    feeder.join()

    again = programs.start(
        *("subscribers", "import", "--account", "main", str(file)),
        data=tmp_path,
        env=env,
        ready=None,
    )
    counts = again.expect(r"(\d+) created, (\d+) updated, 0 refused")
    created, updated = map(int, counts.groups())
    assert again.wait() == 0
    assert created + updated == PEOPLE
    assert FILE_AT_ONCE <= updated < PEOPLE
    there = [one.attributes.remote_user_id for one in program.subscribers.export(owner.scope)]
    assert Counter(there) == Counter(map(str, range(PEOPLE)))
    assert program.indexing.is_true()
    if not program.database.is_sqlite:
        assert counted_by_postgresql(program) == PEOPLE, "it plans for as many as there are"
    program.close()


def counted_by_postgresql(program: Program) -> float:
    with program.database.read() as connection:
        found = text("SELECT reltuples FROM pg_class WHERE relname = 'subscription'")
        return float(connection.execute(found).scalar_one())
