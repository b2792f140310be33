"""Accounts, credentials and bearer tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.account import Account, Credential, Scope
from tocsin.domain.bearer import PREFIX, SECRET_BYTES, hash_of, is_well_formed, make

ROOT = Account(id=1, root_id=1, name="main")
SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


def test_a_root_sees_the_tenant_and_a_child_itself() -> None:
    child = Account(id=2, root_id=1, name="partner")

    assert (ROOT.scope, ROOT.scope.is_root) == (Scope(root_id=1, account_id=1), True)
    assert (child.scope, child.scope.is_root) == (Scope(root_id=1, account_id=2), False)


@pytest.mark.parametrize(
    ("valid_from_ms", "valid_until_ms", "revoked_ms", "is_valid"),
    [
        pytest.param(None, None, None, True, id="without bounds"),
        pytest.param(1000, None, None, True, id="from this instant"),
        pytest.param(1001, None, None, False, id="not yet"),
        pytest.param(None, 1001, None, True, id="in its last millisecond"),
        pytest.param(None, 1000, None, False, id="over"),
        pytest.param(None, None, 1, False, id="revoked"),
        pytest.param(None, None, 5000, False, id="revoked by a clock that is ahead"),
    ],
)
def test_when_a_credential_may_be_used(
    valid_from_ms: int | None, valid_until_ms: int | None, revoked_ms: int | None, is_valid: bool
) -> None:
    one = Credential(1, ROOT, "ci", ("read",), valid_from_ms, valid_until_ms, revoked_ms)

    assert one.is_valid(1000) is is_valid


@given(SECRETS)
def test_a_token_is_known_by_its_form(secret: bytes) -> None:
    token = make(secret)

    assert token.startswith(PREFIX)
    assert is_well_formed(token)
    assert len(hash_of(token)) == 32


@given(SECRETS, st.data())
def test_a_mistyped_token_is_known_too(secret: bytes, data: st.DataObject) -> None:
    token = make(secret)
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters().filter(lambda c: c != token[position]))

    assert not is_well_formed(token[:position] + character + token[position + 1 :])
    assert not is_well_formed(token[:position] + token[position + 1 :])


@pytest.mark.parametrize("token", ["", PREFIX, make(b""), make(b"short"), "\ud800" * 53])
def test_what_is_no_token(token: str) -> None:
    assert not is_well_formed(token)


@given(st.text())
def test_whatever_is_sent_is_judged(token: str) -> None:
    assert not is_well_formed(token)
