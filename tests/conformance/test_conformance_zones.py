"""Zones: their secrets are sealed, and none goes from under an active task."""

from dataclasses import replace
from typing import Any, Final

import pytest
from sqlalchemy import update
from world import World, draft, in_threads

from tocsin.domain.account import Account
from tocsin.domain.adex import Adex
from tocsin.domain.errors import Conflict, Invalid, NotFound
from tocsin.domain.push_task import Draft, Status
from tocsin.domain.zone import Zone, ZoneDraft, header_place
from tocsin.services.zones import ZoneService
from tocsin.store.tables import push_task
from tocsin.store.zone_tables import zone, zone_header

NOW_MS: Final = 1_770_000_000_000
PLAIN: Final = ZoneDraft(
    name="Ads",
    protocol="feed",
    url="https://ads.example.com/feed",
    headers={"authorization": "Bearer 5ecret", "x-key": "5ecret too"},
)


@pytest.fixture
def owner(world: World) -> Account:
    return world.account()


@pytest.fixture
def zones(world: World) -> ZoneService:
    machine: Any = world.entropy
    return ZoneService(world.store, entropy=machine, keyring=world.keyring)


def made(zones: ZoneService, owner: Account, draft: ZoneDraft = PLAIN) -> int:
    return int(zones.create(owner.scope, draft, now_ms=NOW_MS).result)


def opened(world: World, zone_id: int) -> dict[str, str]:
    """Return the headers of a zone, unsealed."""
    return {
        row.name: world.keyring.unseal(
            row.sealed_value, place=header_place(zone_id, row.name)
        ).decode()
        for row in world.rows(zone_header, zone_header.c.zone_id == zone_id)
    }


def drawing(zone_id: int, **fields: Any) -> Draft:
    return replace(draft(**fields), message=None, adex=Adex(zone_id=str(zone_id)))


def test_secrets_are_sealed_each_for_its_place(
    world: World, owner: Account, zones: ZoneService
) -> None:
    first, second = made(zones, owner), made(zones, owner)

    for zone_id in (first, second):
        assert opened(world, zone_id) == PLAIN.headers
    stored = [row.sealed_value for row in world.rows(zone_header)]
    assert len(set(stored)) == 4
    assert not any(b"5ecret" in value for value in stored)
    assert b"5ecret" not in repr(world.rows(zone)).encode()
    assert zones.complaint() is None


def test_an_edit_keeps_replaces_and_takes_away_headers(
    world: World, owner: Account, zones: ZoneService
) -> None:
    zone_id = made(zones, owner)
    before = {row.name: row.sealed_value for row in world.rows(zone_header)}

    def edit(known: Zone) -> ZoneDraft:
        assert known.header_bytes == {"authorization": 13, "x-key": 10}
        return replace(PLAIN, name="New", headers={"authorization": None, "y": "other"})

    zones.change(owner.scope, zone_id, edit, now_ms=NOW_MS + 1)

    assert opened(world, zone_id) == {"authorization": "Bearer 5ecret", "y": "other"}
    found = zones.view(owner.scope, zone_id)
    assert (found.name, found.create_ms, found.update_ms) == ("New", NOW_MS, NOW_MS + 1)
    after = {row.name: row.sealed_value for row in world.rows(zone_header)}
    assert after["authorization"] == before["authorization"]

    zones.change(
        owner.scope, zone_id, lambda _: replace(PLAIN, headers={"y": "newer"}), now_ms=NOW_MS
    )
    assert opened(world, zone_id) == {"y": "newer"}


def test_a_header_from_another_place_is_told_of(
    world: World, owner: Account, zones: ZoneService
) -> None:
    first, second = made(zones, owner), made(zones, owner)
    (moved,) = world.rows(
        zone_header, zone_header.c.zone_id == first, zone_header.c.name == "x-key"
    )

    with world.database.write() as connection:
        connection.execute(
            update(zone_header)
            .where(zone_header.c.zone_id == second, zone_header.c.name == "x-key")
            .values(sealed_value=moved.sealed_value)
        )

    complaint = zones.complaint()
    assert complaint is not None
    assert complaint.startswith(f"the header x-key of zone {second} cannot be opened")


def test_a_zone_goes_with_its_headers_alone(
    world: World, owner: Account, zones: ZoneService
) -> None:
    gone, stays = made(zones, owner), made(zones, owner)

    zones.remove(owner.scope, gone)

    assert [row.id for row in world.rows(zone)] == [stays]
    assert {row.zone_id for row in world.rows(zone_header)} == {stays}


@pytest.mark.parametrize("status", list(Status))
def test_only_what_is_active_holds_a_zone(
    world: World, owner: Account, zones: ZoneService, status: Status
) -> None:
    zone_id = made(zones, owner)
    task_id = world.create(owner, drawing(zone_id, status=status))
    world.create(owner, drawing(made(zones, owner)))

    if status is Status.ACTIVE:
        with pytest.raises(Conflict, match=rf"push task {task_id} \(task\)"):
            zones.remove(owner.scope, zone_id)
        world.commands.delete(owner.scope, task_id, now_ms=world.clock.now_ms())
    zones.remove(owner.scope, zone_id)


def test_what_only_seems_to_name_a_zone_does_not_hold_it(
    world: World, owner: Account, zones: ZoneService
) -> None:
    zone_id, other = made(zones, owner), made(zones, owner)
    world.create(
        owner, replace(drawing(other), adex=Adex(zone_id=str(other), account_ids=(str(zone_id),)))
    )
    stranger = replace(drawing(zone_id), adex=Adex(zone_id=str(zone_id), fallback=draft().message))
    world.create(world.account(), stranger)
    world.create(world.account(owner), stranger)

    zones.remove(owner.scope, zone_id)

    with pytest.raises(NotFound):
        zones.view(owner.scope, zone_id)


def test_a_child_is_not_told_what_the_root_draws(
    world: World, owner: Account, zones: ZoneService
) -> None:
    child = world.account(owner)
    zone_id = made(zones, child)
    world.create(owner, drawing(zone_id, name="of the root"))

    with pytest.raises(Conflict) as refused:
        zones.remove(child.scope, zone_id)
    assert "a push task of the root account" in str(refused.value)
    assert "of the root)" not in str(refused.value)
    with pytest.raises(Conflict, match="of the root"):
        zones.remove(owner.scope, zone_id)


def test_a_zone_and_its_first_task_do_not_miss_each_other(
    world: World, owner: Account, zones: ZoneService
) -> None:
    for _ in range(5):
        zone_id = made(zones, owner)

        def remove(zone_id: int = zone_id) -> str:
            try:
                zones.remove(owner.scope, zone_id)
            except Conflict:
                return "kept"
            return "gone"

        def order(zone_id: int = zone_id) -> str:
            try:
                world.create(owner, drawing(zone_id))
            except Invalid:
                return "refused"
            return "taken"

        assert set(in_threads(remove, order)) in ({"kept", "taken"}, {"gone", "refused"})
    named = {row.adex["zone_id"] for row in world.rows(push_task)}
    assert named <= {str(row.id) for row in world.rows(zone)}
