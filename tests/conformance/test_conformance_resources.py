"""Containers, groups and segments: what is in use stays, and edits at once do no harm together."""

from typing import Any

import pytest
from world import World, enrolment, in_threads

from tocsin.domain.account import Account
from tocsin.domain.container import ContainerDraft
from tocsin.domain.errors import Conflict, Invalid, NotFound
from tocsin.domain.group import GroupDraft, Kind
from tocsin.domain.push_task import Status
from tocsin.domain.segment import Segment, SegmentDraft
from tocsin.domain.targeting import read_targeting
from tocsin.services.groups import GroupService
from tocsin.services.segments import SegmentService
from tocsin.services.subscribers import Enrolled
from tocsin.store.tables import container, container_group_item, container_origin, vapid_key

NOW_MS = 1_770_000_000_000


@pytest.fixture
def owner(world: World) -> Account:
    return world.account()


def segment(targeting: dict[str, Any], **fields: Any) -> SegmentDraft:
    read, faults = read_targeting(targeting)
    assert not faults
    return SegmentDraft(name="Some", targeting=read, **fields)


def naming(*ids: int, op: str = "include", attribute: str = "segments") -> dict[str, Any]:
    return {attribute: {"op": op, "items": list(map(str, ids))}}


def test_a_container_goes_with_all_that_is_its_own(world: World, owner: Account) -> None:
    gone, stays = world.container(owner), world.container(owner)
    groups = GroupService(world.store, Kind.CONTAINERS)
    both = GroupDraft(name="both", items=(str(gone.id), str(stays.id)))
    groups.create(owner.scope, both, now_ms=NOW_MS)
    world.containers.rotate_key(owner.scope, gone.id, now_ms=NOW_MS)

    world.containers.remove(owner.scope, gone.id)

    assert [row.id for row in world.rows(container)] == [stays.id]
    for table in (container_group_item, container_origin, vapid_key):
        assert {row.container_id for row in world.rows(table)} == {stays.id}


def test_who_registers_where_nothing_is_any_more_is_told_so_alone(
    world: World, owner: Account
) -> None:
    """A registration may be on its way when its container goes; others share its transaction."""
    gone, stays = world.container(owner), world.container(owner)
    group = [enrolment(gone, 1), enrolment(stays, 2), enrolment(gone, 3)]
    world.containers.remove(owner.scope, gone.id)

    results = world.subscribers.register(group)

    assert [type(one) for one in results] == [NotFound, Enrolled, NotFound]
    assert world.join(stays, 3).created
    world.indexing.fold()
    assert world.indexing.is_true()


def test_a_container_and_its_first_subscriber_do_not_miss_each_other(
    world: World, owner: Account
) -> None:
    def remove(site_id: int) -> str:
        try:
            world.containers.remove(owner.scope, site_id)
        except Conflict:
            return "kept"
        return "gone"

    for number in range(5):
        site = world.container(owner)

        def join(site: Any = site, number: int = number) -> str:
            (result,) = world.subscribers.register([enrolment(site, number)])
            return "joined" if isinstance(result, Enrolled) else "refused"

        outcomes = set(in_threads(lambda site=site: remove(site.id), join))

        assert outcomes in ({"kept", "joined"}, {"gone", "refused"})


def test_a_change_keeps_what_it_does_not_name(world: World, owner: Account) -> None:
    made = world.container(owner, "https://a.example", "http://localhost:8080")

    def renamed(known: ContainerDraft) -> ContainerDraft:
        return ContainerDraft(name="New", origins=known.origins)

    world.containers.change(owner.scope, made.id, renamed, now_ms=NOW_MS)

    found = world.containers.find(owner.scope, made.key)
    assert (found.name, found.origins, found.hosts) == (
        "New",
        made.origins,
        ("a.example", "localhost"),
    )
    assert (found.create_ms, found.update_ms) == (made.create_ms, NOW_MS)
    assert (found.key, found.vapid_public_key) == (made.key, made.vapid_public_key)


def test_two_edits_at_once_do_not_make_a_circle(world: World, owner: Account) -> None:
    segments = SegmentService(world.store)
    for _ in range(3):
        first, second = (
            int(segments.create(owner.scope, segment({}), now_ms=NOW_MS).result) for _ in range(2)
        )

        def name(one: int, other: int) -> bool:
            def edit(_: Segment) -> SegmentDraft:
                return segment(naming(other))

            try:
                segments.change(owner.scope, one, edit, now_ms=NOW_MS)
            except Invalid:
                return False
            return True

        done = in_threads(
            lambda one=first, other=second: name(one, other),
            lambda one=second, other=first: name(one, other),
        )

        assert sorted(done) == [False, True]


def test_a_segment_that_was_named_before_it_was_made(world: World, owner: Account) -> None:
    """An include may name an id that is nobody's yet; whoever gets it may not name it back."""
    segments = SegmentService(world.store)
    first = int(segments.create(owner.scope, segment({}), now_ms=NOW_MS).result)
    coming = first + 1

    segments.change(owner.scope, first, lambda _: segment(naming(coming)), now_ms=NOW_MS)
    with pytest.raises(Invalid, match=str(first)):
        segments.create(owner.scope, segment(naming(first)), now_ms=NOW_MS)
    assert segments.view(owner.scope, first).targeting.criteria


@pytest.mark.parametrize("status", list(Status))
def test_only_what_is_active_holds_a_group(world: World, owner: Account, status: Status) -> None:
    groups = GroupService(world.store, Kind.HOSTS)
    draft = GroupDraft(name="g", items=("a.example",))
    made = int(groups.create(owner.scope, draft, now_ms=NOW_MS).result)
    targeting = naming(made, attribute="application_groups", op="exclude")
    world.order(owner, targeting, status=status)

    if status is Status.ACTIVE:
        with pytest.raises(Conflict):
            groups.remove(owner.scope, made)
    else:
        groups.remove(owner.scope, made)


def test_a_sibling_neither_holds_what_it_does_not_see_nor_is_told_of(
    world: World, owner: Account
) -> None:
    mine, sibling = (world.account(parent=owner) for _ in range(2))
    segments, groups = SegmentService(world.store), GroupService(world.store, Kind.HOSTS)
    draft = GroupDraft(name="g", items=("a.example",))
    kept = [int(segments.create(mine.scope, segment({}), now_ms=NOW_MS).result) for _ in range(2)]
    group = int(groups.create(mine.scope, draft, now_ms=NOW_MS).result)
    for number in kept:
        world.order(sibling, naming(number), name="Their secret")
    world.order(sibling, naming(group, attribute="application_groups"), name="Their secret")
    world.order(owner, naming(kept[1]), name="The root's secret")

    groups.remove(mine.scope, group)
    segments.remove(mine.scope, kept[0])
    with pytest.raises(Conflict) as refused:
        segments.remove(mine.scope, kept[1])

    assert "a push task of the root account: change" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_has_the_same_number_is_not_the_same(world: World, owner: Account) -> None:
    """A task that names container 1 says nothing of group 1, nor one that names group 11."""
    groups = GroupService(world.store, Kind.CONTAINERS)
    made = int(groups.create(owner.scope, GroupDraft(name="g"), now_ms=NOW_MS).result)
    world.order(owner, naming(made, attribute="apps"))
    world.order(owner, naming(made, attribute="application_groups"))
    world.order(owner, naming(made * 10 + 1, attribute="groups"))
    world.order(owner, {"user_data": {"groups": {"op": "include", "items": [str(made)]}}})
    other = world.account()
    world.order(other, naming(made, attribute="groups"))

    groups.remove(owner.scope, made)

    with pytest.raises(NotFound):
        groups.view(owner.scope, made)
