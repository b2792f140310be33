"""Push tasks: what is taken comes back, to those who may see it."""

import pytest
from world import World, draft

from tocsin.domain.errors import Invalid, NotFound
from tocsin.domain.listing import ListQuery
from tocsin.domain.message import Action, Message
from tocsin.domain.push_task import Draft, Status
from tocsin.domain.schedule import QuietTime, Schedule
from tocsin.domain.targeting import read_targeting

RICH = Message(
    title={"sr": "Žurka 🎉", "en": "Party", "pt-BR": "Festa"},
    body={"en": "a\nb"},
    image={"en": "https://www.example.com/ž.png"},
    landing_url="https://www.example.com/?a=1&b=2",
    icon="https://www.example.com/i.png",
    badge="https://www.example.com/b.png",
    tag="party",
    actions=(
        Action({"en": "Yes"}, "https://x.example/i", "https://x.example/"),
        Action({"en": "No"}),
    ),
    require_interaction=True,
    renotify=True,
    silent=True,
    vibration=(200, 0, 10_000),
)


def test_a_task_comes_back_as_it_was_ordered(world: World) -> None:
    owner = world.account()
    world.container(owner, "https://www.example.com")
    targeting, _ = read_targeting(
        {
            "users": {"op": "include", "items": [str(2**64 - 1), "0"]},
            "applications": {"op": "exclude", "items": ["*.Example.com"]},
            "countries": {"op": "include", "items": ["rs"]},
        }
    )
    ordered = Draft(
        name="name ☃",
        status=Status.ACTIVE,
        schedule=Schedule(
            start=world.clock.now_ms() + 1,
            end_ms=world.clock.now_ms() + 2,
            frequency_s=94_608_000,
            user_time_zone=True,
            quiet_time=QuietTime(23, 0),
        ),
        ttl_s=2_419_200,
        total_user=2**32 - 1,
        urgency="very-low",
        custom_data='{"b": 1, "a": "\\u017e"}',
        message=RICH,
        targeting=targeting,
    )

    task_id = world.create(owner, ordered)

    found = world.tasks.view(owner.scope, task_id)
    assert {name: getattr(found, name) for name in Draft.__dataclass_fields__} == {
        name: getattr(ordered, name) for name in Draft.__dataclass_fields__
    }
    assert found.message is not None
    assert list(found.message.title) == ["sr", "en", "pt-BR"]
    assert found.next_slot_ms == ordered.schedule.start
    assert found.last_slot_ms is None
    assert found.create_ms == found.update_ms == world.clock.now_ms()


@pytest.mark.parametrize(
    ("status", "start", "due"),
    [
        pytest.param(Status.ACTIVE, "immediately", 0, id="now"),
        pytest.param(Status.ACTIVE, 5000, 5000, id="at its instant"),
        pytest.param(Status.INACTIVE, "immediately", None, id="inactive"),
        pytest.param(Status.INACTIVE, 5000, None, id="inactive with an instant"),
        pytest.param(Status.INACTIVE, None, None, id="not said yet"),
    ],
)
def test_when_a_task_first_falls_due(
    world: World, status: Status, start: int | str | None, due: int | None
) -> None:
    owner, now_ms = world.account(), world.clock.now_ms()
    begins = now_ms + start if isinstance(start, int) else start

    task_id = world.order(owner, status=status, start=begins)

    found = world.tasks.view(owner.scope, task_id)
    expected = None if due is None else now_ms + due
    assert (found.next_slot_ms, found.next_due_ms) == (expected, expected)
    assert (found.schedule.start, found.status) == (begins, status)


def test_everybody_sees_their_own_tasks(world: World) -> None:
    root, stranger = world.account(), world.account()
    child, sister = world.account(root), world.account(root)
    of_root, of_child = world.order(root), world.order(child)

    seen = {
        who: [task.id for task in world.tasks.list(scope, ListQuery())[1]]
        for who, scope in {
            "root": root.scope,
            "child": child.scope,
            "sister": sister.scope,
            "stranger": stranger.scope,
        }.items()
    }

    assert seen == {
        "root": [of_child, of_root],
        "child": [of_child],
        "sister": [],
        "stranger": [],
    }
    assert world.tasks.list(root.scope, ListQuery(limit=1))[0] == 2
    for scope, task_id in (
        (child.scope, of_root),
        (sister.scope, of_child),
        (stranger.scope, of_root),
        (root.scope, of_child + 1),
    ):
        with pytest.raises(NotFound):
            world.tasks.view(scope, task_id)
        with pytest.raises(NotFound):
            world.executions.list(scope, task_id, offset=0, limit=9)


def test_pages_are_cut_from_the_newest_on(world: World) -> None:
    owner = world.account()
    ids = [world.order(owner) for _ in range(5)]

    pages = [
        world.tasks.list(owner.scope, ListQuery(offset=offset, limit=2)) for offset in (0, 2, 4, 6)
    ]

    assert [total for total, _ in pages] == [5] * 4
    assert [[task.id for task in page] for _, page in pages] == [
        [ids[4], ids[3]],
        [ids[2], ids[1]],
        [ids[0]],
        [],
    ]


def test_an_exclude_must_name_a_host_of_the_tenant(world: World) -> None:
    root = world.account()
    child = world.account(root)
    world.container(child, "https://news.example.com")
    world.container(world.account(), "https://other.example.org")

    def order(*hosts: str) -> int:
        return world.order(root, {"applications": {"op": "exclude", "items": list(hosts)}})

    order("news.example.com", "*.example.com", "*.com")
    for bad in ("other.example.org", "*.news.example.com", "example.com", "www.example.com"):
        with pytest.raises(Invalid, match="is no host here"):
            order("news.example.com", bad)
    assert world.tasks.list(root.scope, ListQuery())[0] == 1
    world.order(root, {"applications": {"op": "include", "items": ["other.example.org"]}})


def test_names_of_any_text_are_kept(world: World) -> None:
    owner = world.account()
    name = "Robert'); DROP TABLE push_task;-- \u2028\\ 100% :x {y}"

    task_id = world.create(owner, draft(name=name))

    assert world.tasks.view(owner.scope, task_id).name == name
