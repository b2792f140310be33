"""What targetings name, and executions with everything that a cutter is told."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, insert
from world import World

from tocsin.domain.account import Account
from tocsin.domain.container import Container
from tocsin.domain.execution import Execution, Order, Slot, schedule_json
from tocsin.domain.push_task import Status
from tocsin.domain.schedule import Schedule
from tocsin.domain.targeting import Targeting, read_targeting
from tocsin.store.tables import (
    application_group,
    application_group_item,
    container_group,
    container_group_item,
    segment,
)


def criterion(attribute: str, *items: Any, op: str = "include") -> dict[str, Any]:
    """Return a targeting of one criterion."""
    return {attribute: {"op": op, "items": list(items)}}


def custom(key: str, *items: Any, op: str = "include") -> dict[str, Any]:
    """Return a targeting of one key of custom data."""
    return {"user_data": {key: {"op": op, "items": list(items)}}}


def targeting(value: Mapping[str, Any] | None) -> Targeting:
    """Return *value*, which is good, as read."""
    read, faults = read_targeting(value)
    assert not faults
    return read


def add(world: World, owner: Account, table: Table, **values: Any) -> str:
    """Add a named row of an account; return its id as targetings spell it."""
    row = {
        "root_id": owner.root_id,
        "account_id": owner.id,
        "name": "n",
        "create_ms": 0,
        "update_ms": 0,
    }
    with world.database.write() as connection:
        made = connection.execute(insert(table).values(row | values).returning(table.c.id))
        return str(made.scalar_one())


def group(world: World, owner: Account, *members: Container) -> str:
    """Return the id of a new group of containers."""
    made = add(world, owner, container_group)
    with world.database.write() as connection:
        for one in members:
            row = {"group_id": int(made), "container_id": one.id}
            connection.execute(insert(container_group_item).values(row))
    return made


def hosts(world: World, owner: Account, *members: str) -> str:
    """Return the id of a new group of host names."""
    made = add(world, owner, application_group)
    with world.database.write() as connection:
        for host in members:
            row = {"group_id": int(made), "host": host}
            connection.execute(insert(application_group_item).values(row))
    return made


def new_segment(
    world: World, owner: Account, value: Mapping[str, Any], *, active: bool = True
) -> str:
    """Return the id of a new segment."""
    return add(world, owner, segment, targeting=value, active=active)


def started(
    world: World,
    owner: Account,
    value: Mapping[str, Any] | None = None,
    *,
    total_user: int | None = None,
    schedule: Schedule | None = None,
    due_ms: int | None = None,
    next_slot_ms: int | None = None,
    ttl_s: int = 3600,
) -> Execution:
    """Return an execution that is to be cut. schedule: where its waves come from."""
    slot = Slot(
        task_id=world.order(owner, status=Status.INACTIVE),
        root_id=owner.root_id,
        account_id=owner.id,
        due_ms=world.clock.now_ms() if due_ms is None else due_ms,
        order=Order(
            message={},
            targeting=value or {},
            ttl_s=ttl_s,
            urgency="normal",
            custom_data=None,
            total_user=total_user,
            schedule=schedule_json(schedule or Schedule()),
            next_slot_ms=next_slot_ms,
        ),
    )
    with world.store.write() as unit:
        made = unit.executions.add_slots([(slot, None)], now_ms=world.clock.now_ms())
        found = unit.executions.by_id(made[slot.task_id, slot.due_ms])
    assert found is not None
    return found


def meant(
    world: World, owner: Account, names: Mapping[int, str], value: Mapping[str, Any] | None
) -> set[str]:
    """Return whom a targeting means, by name: as cut, and as counted, which is the same number."""
    execution = started(world, owner, value)
    reach = world.count(owner.scope, targeting(value), now_ms=world.clock.now_ms())
    world.cut_all()
    found = {names[id_] for id_ in world.recipients(execution)}
    assert reach.total == len(found)
    assert sum(reach.applications.values()) == sum(reach.time_zones.values()) == reach.total
    assert not reach.waterfall or reach.waterfall[-1][1] == reach.total
    return found
