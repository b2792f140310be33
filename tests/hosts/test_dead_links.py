"""A link that is dead without a word: both ends of a connection notice, and let go."""

import sys
from time import monotonic
from typing import Final

import psycopg
from network import DATABASE, Network

from postgres import Postgres
from programs import Program, Programs, environment
from tocsin.store.engine import DEAD_AFTER_S, IDLE_WAIT_S

SLACK_S: Final = 10
HOLDER: Final = """
import sys, threading
from sqlalchemy import text
from tocsin.domain.errors import Unavailable
from tocsin.store.engine import Database
url, what = sys.argv[1:]
try:
    with Database(url).write() as connection:
        connection.execute(text(f"SELECT 1 FROM {what} FOR UPDATE"))
        print("locked", flush=True)
        if what == "asks":
            connection.execute(text("SELECT pg_sleep(3)"))
        else:
            threading.Event().wait()
except Unavailable as error:
    print(f"unavailable: {error}", flush=True)
"""


def test_both_ends_of_a_dead_link_let_go(
    network: Network, far_postgres: Postgres, programs: Programs
) -> None:
    """One host is cut off while it waits for an answer, another one between two statements."""
    url = far_postgres.new_database()
    holders = []
    with psycopg.connect(url, autocommit=True) as ours:
        ours.execute(f"SET lock_timeout = {IDLE_WAIT_S * 1000}")
        # Who waits is the first: by the time the other asks it has acknowledged all that it got.
        for host, what in zip(network.hosts, ("waits", "asks"), strict=False):
            ours.execute(f"CREATE TABLE {what} AS SELECT 1")
            argv = [*host.prefix, sys.executable, "-c", HOLDER, network.seen_from_hosts(url), what]
            holders.append(programs.keep(Program(argv, env=environment())))
            holders[-1].expect("locked")
        try:
            for host in network.hosts:
                host.cut(DATABASE)
            began_s = monotonic()
            ours.execute("SELECT 1 FROM waits FOR UPDATE")
            ours.execute("SELECT 1 FROM asks FOR UPDATE")
            took_s = monotonic() - began_s
            holders[-1].expect("unavailable: the database cannot be reached", within=60)
        finally:
            for host in network.hosts:
                host.join(DATABASE)
    print(f"after {took_s:.1f} s the locks were free")
    assert took_s < DEAD_AFTER_S + SLACK_S < IDLE_WAIT_S
