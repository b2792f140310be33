"""The steps of the migrations make the schema of tables.py, whoever takes them and how often."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Row, Table, inspect, select, text
from sqlalchemy.exc import IntegrityError
from world import in_threads

from tocsin.store import migrate
from tocsin.store.engine import Database
from tocsin.store.tables import (
    metadata,
    push_task,
    subscriber,
    subscriber_attribute,
    subscription,
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return an empty database, opened."""
    database = Database(database_url)
    yield database
    database.close()


def differences(database: Database) -> list[object]:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))


def test_the_migrations_make_the_schema(database: Database) -> None:
    migrate.upgrade(database)

    assert differences(database) == []

    with database.write() as connection:
        connection.execute(text("ALTER TABLE token DROP COLUMN revoked_ms"))
        connection.execute(text("DROP INDEX ix_parcel_open"))
    assert len(differences(database)) == 2, "what is missing must be seen"


def shape(database: Database) -> dict[str, Any]:
    """Return all that the database says of its tables, the checks and conditions too."""
    found: dict[str, Any] = {}
    with database.read() as connection:
        inspector = inspect(connection)
        for name in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
            found[name] = {
                "columns": {
                    column["name"]: {**column, "type": str(column["type"])}
                    for column in inspector.get_columns(name)
                },
                "key": inspector.get_pk_constraint(name),
                **{
                    kind: sorted(constraints, key=repr)
                    for kind, constraints in (
                        ("foreign keys", inspector.get_foreign_keys(name)),
                        ("unique", inspector.get_unique_constraints(name)),
                        ("checks", inspector.get_check_constraints(name)),
                        ("indexes", [spelt(index) for index in inspector.get_indexes(name)]),
                    )
                },
            }
        if database.is_sqlite:
            query = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY 1"
            found["never numbered twice"] = connection.scalars(text(query)).all()
            query = "SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%' ORDER BY 1"
            found["in the order of their key"] = connection.scalars(text(query)).all()
        else:
            query = "SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL"
            found["stored as"] = connection.execute(
                text(f"{query} AND relnamespace = 'public'::regnamespace ORDER BY 1")
            ).all()
    return found


def spelt(index: Any) -> dict[str, Any]:
    """Return an index with its conditions as text."""
    options = index.get("dialect_options", {})
    return {**index, "dialect_options": {name: str(value) for name, value in options.items()}}


def test_the_migrations_make_what_the_tables_say_to_the_last_check(database: Database) -> None:
    """Alembic's own comparison passes over checks and the conditions of indexes."""
    migrate.upgrade(database)
    migrated = shape(database)

    with database.write() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)

    assert migrated == shape(database)


def test_an_upgrade_says_what_it_did_and_does_it_once(database: Database) -> None:
    before = migrate.upgrade(database)
    again = migrate.upgrade(database)

    assert before.current is None
    assert before.pending
    assert again == migrate.SchemaStatus(before.pending[-1], ())
    assert migrate.status(database) == again


def test_of_two_upgrades_at_once_one_finds_nothing_to_do(database_url: str) -> None:
    databases = [Database(database_url), Database(database_url)]

    found = in_threads(*(lambda one=one: migrate.upgrade(one) for one in databases))

    assert sorted(status.current is None for status in found) == [False, True]
    assert differences(databases[0]) == []
    for one in databases:
        one.close()


def test_an_upgrade_that_is_cut_short_leaves_nothing(database: Database) -> None:
    with database.write() as connection:  # the last table of the first step is there already
        connection.execute(text("CREATE TABLE subscription (id INTEGER)"))

    with pytest.raises(Exception, match="subscription"):
        migrate.upgrade(database)

    assert migrate.status(database).current is None
    with database.write() as connection:
        connection.execute(text("DROP TABLE subscription"))
    migrate.upgrade(database)
    assert differences(database) == []


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(migrate.NewerSchema, match="step 9999"):
        migrate.status(database)
    with pytest.raises(migrate.NewerSchema):
        migrate.upgrade(database)

    with database.read() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    assert found == "9999"


def test_what_the_first_schema_held_is_carried_over(database: Database) -> None:
    """Custom data by value, and a task's slot, are in columns that the first schema had not."""
    with database.write() as connection:
        command.upgrade(migrate._config(connection), "0001")
        for statement in (
            "INSERT INTO account (id, name, create_ms) VALUES (1, 'main', 5)",
            (
                "INSERT INTO container"
                " (id, root_id, account_id, name, type, key, create_ms, update_ms)"
                " VALUES (1, 1, 1, 'site', 'web', 'k', 5, 5)"
            ),
            (
                "INSERT INTO subscriber (root_id, ordinal, id, account_id, container_id, active,"
                " user_data, subscribed_ms, last_seen_ms) VALUES (1, 0, 7, 1, 1, true,"
                """ '{"plan": ["gold", 2, true, null], "empty": [], "name": "Ana"}', 5, 5)"""
            ),
            (
                "INSERT INTO push_task (id, root_id, account_id, name, status, immediately, ttl_s,"
                " urgency, message, targeting, next_due_ms, create_ms, update_ms)"
                " VALUES (1, 1, 1, 'task', 1, true, 60, 'normal', '{}', '{}', 9, 5, 6)"
            ),
        ):
            connection.exec_driver_sql(statement)

    migrate.upgrade(database)

    with database.read() as connection:
        attributes = connection.execute(select(subscriber_attribute)).all()
        task = connection.execute(select(push_task)).one()
    assert {(row.key, row.value) for row in attributes} == {
        ("plan", "gold"),
        ("plan", "2"),
        ("plan", "true"),
        ("name", "Ana"),
    }
    assert (task.next_slot_ms, task.anchor_ms, task.active_ms) == (9, 5, 5)
    assert task.user_time_zone is False


def test_the_last_execution_is_told_from_what_was_executed(database: Database) -> None:
    """The second schema kept the last slot alone, be it one that was missed."""
    with database.write() as connection:
        command.upgrade(migrate._config(connection), "0002")
        for statement in (
            "INSERT INTO account (id, name, create_ms) VALUES (1, 'main', 5)",
            (
                "INSERT INTO push_task (id, root_id, account_id, name, status, immediately, ttl_s,"
                " urgency, message, targeting, last_due_ms, create_ms, update_ms)"
                " VALUES (1, 1, 1, 'task', 1, true, 60, 'normal', '{}', '{}', 9, 5, 6)"
            ),
        ):
            connection.exec_driver_sql(statement)
        connection.execute(
            text(
                "INSERT INTO execution (task_id, root_id, account_id, due_ms, state, next_shard,"
                " ordered, kind) VALUES (1, 1, 1, :due_ms, :state, 0, '{}', :kind)"
            ),
            [
                {"due_ms": 6, "state": "done", "kind": "scheduled"},
                {"due_ms": 7, "state": "cancelled", "kind": "manual"},
                {"due_ms": 8, "state": "done", "kind": "test"},
                {"due_ms": 9, "state": "missed", "kind": "scheduled"},
            ],
        )

    migrate.upgrade(database)

    with database.read() as connection:
        task = connection.execute(select(push_task)).one()
    assert (task.last_slot_ms, task.last_execution_ms) == (9, 7)


def test_subscribers_are_carried_over_to_their_new_place(database: Database) -> None:
    with database.write() as connection:
        command.upgrade(migrate._config(connection), "0004")
        for statement in (
            "INSERT INTO account (id, name, create_ms) VALUES (1, 'main', 5)",
            (
                "INSERT INTO container"
                " (id, root_id, account_id, name, type, key, create_ms, update_ms)"
                " VALUES (1, 1, 1, 'site', 'web', 'k', 5, 5)"
            ),
            (
                "INSERT INTO vapid_key (id, container_id, public_key, sealed_private, create_ms)"
                " VALUES (1, 1, 'P', 'x', 5)"
            ),
            *(
                statement.format(ordinal)
                for ordinal in (2, 0, 1)
                for statement in (
                    (
                        "INSERT INTO subscriber (root_id, ordinal, id, account_id, container_id,"
                        " active, user_data, subscribed_ms, last_seen_ms, remote_user_id)"
                        " VALUES (1, {0}, 9 - {0}, 1, 1, true, '{{}}', 5, 5, 'r{0}')"
                    ),
                    (
                        "INSERT INTO subscription (root_id, ordinal, endpoint_hash, endpoint,"
                        " p256dh, auth, generation, vapid_key_id)"
                        " VALUES (1, {0}, 'h{0}', 'e{0}', 'p{0}', 'a{0}', {0}, 1)"
                    ),
                    (
                        "INSERT INTO subscriber_attribute (root_id, key, value, ordinal)"
                        " VALUES (1, 'k{0}', 'v{0}', {0})"
                    ),
                )
            ),
        ):
            connection.exec_driver_sql(statement)
    tables = (subscriber, subscription, subscriber_attribute)
    with database.read() as connection:
        before = [everything(connection, table) for table in tables]

    migrate.upgrade(database)

    with database.read() as connection:
        assert [everything(connection, table) for table in tables] == before
    assert [len(rows) for rows in before] == [3, 3, 3]
    for index, statement in (
        ("id", "UPDATE subscriber SET id = 7 WHERE ordinal = 0"),
        ("endpoint_hash", "UPDATE subscription SET endpoint_hash = 'h1' WHERE ordinal = 0"),
        ("container", "DELETE FROM container"),
        ("vapid_key", "DELETE FROM vapid_key"),
    ):
        with pytest.raises(IntegrityError, match=f"{index}|FOREIGN"), database.write() as changed:
            changed.exec_driver_sql(statement)


def everything(connection: Connection, table: Table) -> Sequence[Row[Any]]:
    return connection.execute(select(table).order_by(table.c.ordinal)).all()
