"""Accounts, tokens and containers: what is stored of them, and who finds them."""

import pytest
from world import World, enrolment

from tocsin.domain.account import Scope
from tocsin.domain.errors import Conflict, Invalid, NotFound, Unauthorized
from tocsin.domain.rate_limit import Rates
from tocsin.store.tables import container, token, vapid_key
from tocsin.webpush.vapid import load_private_key, public_key_text


def test_an_account_is_found_by_id_and_by_name(world: World) -> None:
    assert world.accounts.is_empty()

    root = world.accounts.create("Čačak & sons")
    child = world.accounts.create("child", parent="Čačak & sons")

    assert not world.accounts.is_empty()
    assert world.accounts.find(str(root.id)) == world.accounts.find("Čačak & sons") == root
    assert root.scope == Scope(root_id=root.id, account_id=root.id)
    assert child.scope == Scope(root_id=root.id, account_id=child.id)
    assert world.accounts.find("child") == child


def test_a_number_that_is_somebodys_name_means_them(world: World) -> None:
    first = world.accounts.create("first")

    named = world.accounts.create(str(first.id))

    assert world.accounts.find(str(first.id)) == named


@pytest.mark.parametrize("name", ["", "7", "9" * 18, "9" * 40, "nobody", "٣"])
def test_nobody_else_is_found(world: World, name: str) -> None:
    world.account()

    with pytest.raises(NotFound):
        world.accounts.find(name)


def test_accounts_go_one_level_deep_and_have_names_of_their_own(world: World) -> None:
    root = world.account()
    child = world.account(root)

    with pytest.raises(Conflict, match="is a child itself"):
        world.accounts.create("grandchild", parent=str(child.id))
    with pytest.raises(Conflict, match="already"):
        world.accounts.create(root.name)
    with pytest.raises(NotFound):
        world.accounts.create("orphan", parent="nobody")
    with pytest.raises(Invalid):
        world.accounts.create("x" * 256)


def test_a_token_is_recognised_and_not_stored(world: World) -> None:
    child = world.account(world.account())

    secret = world.accounts.create_token(str(child.id), name="CI", scopes=("write", "read"))

    found = world.accounts.authenticate(secret)
    assert (found.account, found.name, found.scopes) == (child, "CI", ("read", "write"))
    stored = world.rows(token)[0]
    assert secret.encode() not in repr(tuple(stored)).encode()
    assert len(stored.secret_hash) == 32


def test_a_token_without_scopes_has_them_all(world: World) -> None:
    world.accounts.create("main")

    secret = world.accounts.create_token("main", name="all")

    assert world.accounts.authenticate(secret).scopes == ("read", "write", "admin")
    with pytest.raises(Invalid, match="'root' is none of read, write, admin"):
        world.accounts.create_token("main", name="x", scopes=("root",))


@pytest.mark.parametrize(
    ("times", "good"),
    [
        pytest.param({}, True, id="always"),
        pytest.param({"valid_from_ms": 0}, True, id="from this very instant"),
        pytest.param({"valid_from_ms": 1}, False, id="not yet"),
        pytest.param({"valid_until_ms": 1}, True, id="still"),
        pytest.param({"valid_until_ms": 0}, False, id="no longer"),
        pytest.param({"revoked_ms": -1}, False, id="revoked"),
    ],
)
def test_a_token_has_its_time(world: World, times: dict[str, int], good: bool) -> None:
    world.accounts.create("main")
    secret = world.accounts.create_token("main", name="x")
    now_ms = world.clock.now_ms()
    with world.database.write() as connection:
        connection.execute(
            token.update().values(
                create_ms=0, **{name: now_ms + late for name, late in times.items()}
            )
        )

    if good:
        world.accounts.authenticate(secret)
    else:
        with pytest.raises(Unauthorized):
            world.accounts.authenticate(secret)


DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("begin", "end", "sentence"),
    [
        (None, 0, "valid_until: is past"),
        (DAY_MS, DAY_MS, "later than valid_from"),
        (None, 1, None),
        (-DAY_MS, 1, None),
        (DAY_MS, None, None),
    ],
)
def test_a_token_is_made_for_a_time_to_come(
    world: World, begin: int | None, end: int | None, sentence: str | None
) -> None:
    world.accounts.create("main")
    now_ms = world.clock.now_ms()

    def make() -> str:
        return world.accounts.create_token(
            "main",
            name="x",
            valid_from_ms=None if begin is None else now_ms + begin,
            valid_until_ms=None if end is None else now_ms + end,
        )

    if sentence is not None:
        with pytest.raises(Invalid, match=sentence):
            make()
        return
    secret = make()
    if begin == DAY_MS:
        with pytest.raises(Unauthorized):
            world.accounts.authenticate(secret)
        world.clock.forward(DAY_MS)
    world.accounts.authenticate(secret)


def test_an_account_has_the_rate_limits_of_the_settings_or_its_own(world: World) -> None:
    root = world.account()
    secret = world.accounts.create_token(str(root.id), name="x")
    default = Rates(burst=10, steady=150)
    assert world.accounts.authenticate(secret).account.rates(default) == default

    changed = world.accounts.limit(root.name, burst=0, steady=7)

    assert changed == world.accounts.find(root.name)
    assert world.accounts.authenticate(secret).account == changed
    assert changed.rates(default) == Rates(burst=0, steady=7)
    assert world.accounts.limit(root.name, burst=None, steady=None).rates(default) == default
    with pytest.raises(NotFound):
        world.accounts.limit("nobody", burst=1, steady=1)


def test_an_altered_token_is_refused(world: World) -> None:
    world.accounts.create("main")
    secret = world.accounts.create_token("main", name="x")

    for wrong in ("", secret[:-1], secret[:-1] + "~", secret.upper(), "tocsin_\x00", "tocsin_é"):
        with pytest.raises(Unauthorized):
            world.accounts.authenticate(wrong)


def test_a_container_comes_back_with_its_key_pair(world: World) -> None:
    root = world.account()

    made = world.container(root, "https://Www.Example.com:443/", "http://localhost:8000")

    assert made.origins == ("https://www.example.com", "http://localhost:8000")
    assert world.containers.by_key(made.key) == made
    assert world.containers.find(root.scope, str(made.id)) == made
    assert world.containers.find(root.scope, made.key) == made
    sealed = world.rows(vapid_key)[0].sealed_private
    private = load_private_key(world.keyring.unseal(sealed, place=f"vapid/{made.id}"))
    assert public_key_text(private.public_key()) == made.vapid_public_key


def test_a_container_is_found_by_those_who_may_see_it(world: World) -> None:
    root, stranger = world.account(), world.account()
    child, sister = world.account(root), world.account(root)
    made = world.container(child)

    assert world.containers.find(root.scope, str(made.id)).account_id == child.id
    assert world.containers.find(child.scope, made.key).id == made.id
    for scope in (sister.scope, stranger.scope):
        for name in (made.key, str(made.id)):
            with pytest.raises(NotFound):
                world.containers.find(scope, name)


@pytest.mark.parametrize("key", ["", "x", "a\0b", "é" * 16, "x" * 5000, "0" * 16])
def test_a_key_that_is_none_finds_no_container(world: World, key: str) -> None:
    world.container(world.account())

    with pytest.raises(NotFound):
        world.containers.by_key(key)


def test_the_newest_key_pair_makes_new_subscriptions(world: World) -> None:
    made = world.container(world.account())

    with world.store.write() as unit:
        newer = unit.containers.add_vapid_key(
            made.id, public_key="newer", sealed_private=b"x", now_ms=1
        )

    found = world.containers.by_key(made.key)
    assert (found.vapid_key_id, found.vapid_public_key) == (newer, "newer")
    with world.store.read() as unit:
        assert [key.id for key in unit.containers.all_vapid_keys()] == [made.vapid_key_id, newer]
        assert unit.containers.vapid_keys([newer])[0].public_key == "newer"


def test_a_container_is_installed_by_its_first_subscriber(world: World) -> None:
    made = world.container(world.account())
    assert world.rows(container)[0].first_event_ms is None

    world.join(made, 1)
    first_ms = world.clock.now_ms()
    world.clock.forward(1000)
    world.join(made, 2)

    assert world.rows(container)[0].first_event_ms == first_ms


def test_an_import_beside_a_browser_installs_the_browsers_container_alone(world: World) -> None:
    owner = world.account()
    full, mixed = world.container(owner), world.container(owner)

    world.register(
        enrolment(full, 1, imported=True), enrolment(mixed, 2, imported=True), enrolment(mixed, 3)
    )

    assert world.containers.find(owner.scope, full.key).first_event_ms is None
    assert world.containers.find(owner.scope, mixed.key).first_event_ms == world.clock.now_ms()
