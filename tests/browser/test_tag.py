"""The tag in a real Chromium: what it tells the edge, what it remembers, what it repairs."""

from typing import Any

import pytest

from .chromium import LANGUAGE, TIME_ZONE, Visitor, a_key
from .servers import Call, EdgeDouble, Site

BELL = "#bell b"


def only(edge: EdgeDouble) -> Call:
    assert len(edge.calls) == 1, edge.calls
    return edge.calls[0]


def state(guest: Visitor) -> str:
    return str(guest.page.evaluate("Tocsin.status()")["state"])


def code_of(guest: Visitor, call: str) -> str:
    """Return the code of the error that *call* is rejected with."""
    script = f"{call}.then(() => 'no error', (e) => `${{e.code}} ${{e.message}}`)"
    code, _, sentence = str(guest.page.evaluate(script)).partition(" ")
    assert sentence.startswith("Tocsin: "), code
    return code


def endpoint(guest: Visitor) -> str | None:
    """Return the endpoint of the browser's own subscription."""
    found = guest.page.evaluate("JSON.parse(localStorage.getItem('fake-push'))?.endpoint")
    return None if found is None else str(found)


def test_subscribing_registers_browser_and_visitor(guest: Visitor, edge: EdgeDouble) -> None:
    guest.visit("/shop?a=1")
    answer = guest.page.evaluate(
        "Tocsin.subscribe({language: 'pt-BR', remoteUserId: 'u-7', userData: {plan: 'gold'}})"
    )

    call = only(edge)
    subscription = call.body.pop("subscription")
    assert (call.method, call.path) == ("POST", "/v1/edge/k3y/subscriptions")
    assert subscription["endpoint"] == endpoint(guest)
    assert set(subscription["keys"]) == {"p256dh", "auth"}
    assert call.body == {
        "language": "pt-BR",
        "timezone": TIME_ZONE,
        "remote_user_id": "u-7",
        "user_data": {"plan": "gold"},
        "page": guest.origin,  # where on the site they were is nobody's business
    }
    assert answer == {"id": str(2**63)}
    assert state(guest) == "subscribed"


def test_the_language_is_the_browsers_when_the_site_names_none(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    assert only(edge).body["page"] == subscriber.origin
    assert only(edge).body["language"] == LANGUAGE


@pytest.mark.parametrize(
    ("said", "told"), [("en-US@posix", "en-US"), ("pt-BR", "pt-BR"), ("C", None), ("", None)]
)
def test_of_the_browsers_language_what_is_a_tag_is_told(
    guest: Visitor, edge: EdgeDouble, said: str, told: str | None
) -> None:
    guest.page.add_init_script(
        f"Object.defineProperty(Navigator.prototype, 'language', {{ get: () => '{said}' }});"
    )
    guest.visit()
    guest.page.evaluate("Tocsin.subscribe()")

    assert only(edge).body.get("language") == told


def test_a_later_visit_has_nothing_to_tell(subscriber: Visitor, edge: EdgeDouble) -> None:
    subscriber.visit()
    subscriber.visit("/other")

    assert len(edge.calls) == 1
    assert state(subscriber) == "subscribed"


def test_a_visit_alone_subscribes_nobody(guest: Visitor, edge: EdgeDouble) -> None:
    guest.visit()

    assert edge.calls == []
    assert state(guest) == "unsubscribed"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param("Tocsin.subscribe({lang: 'en'})", "options", id="a misspelt option"),
        pytest.param("Tocsin.update({userdata: {}})", "options", id="a misspelt attribute"),
        pytest.param("Tocsin.update({language: 'en'})", "not-subscribed", id="no subscription"),
    ],
)
def test_a_wrong_call_is_explained(guest: Visitor, edge: EdgeDouble, call: str, code: str) -> None:
    guest.visit()

    assert code_of(guest, call) == code
    assert edge.calls == []


def test_a_browser_without_push_answers_every_call(guest: Visitor, edge: EdgeDouble) -> None:
    guest.page.add_init_script("delete window.PushManager")
    guest.visit()

    assert code_of(guest, "Tocsin.subscribe()") == "unsupported"
    assert code_of(guest, "Tocsin.update({language: 'de'})") == "not-subscribed"
    assert guest.page.evaluate("Tocsin.unsubscribe()") is None
    assert state(guest) == "unsupported"
    assert edge.calls == []


def test_a_refusal_of_the_visitor_is_told_apart(guest: Visitor) -> None:
    guest.permit("denied")
    guest.visit()

    assert code_of(guest, "Tocsin.subscribe()") == "denied"
    assert state(guest) == "blocked"


def test_a_site_without_the_worker_is_told_which_line_is_missing(
    guest: Visitor, site: Site
) -> None:
    site.worker = "this is no JavaScript {url}"
    guest.visit()

    assert code_of(guest, "Tocsin.subscribe()") == "worker"


def test_a_push_service_out_of_reach_is_told_apart(guest: Visitor) -> None:
    guest.visit()
    guest.page.evaluate("localStorage.setItem('fake-push-broken', '1')")

    assert code_of(guest, "Tocsin.subscribe()") == "push-service"


def test_a_foreign_origin_is_told_apart(guest: Visitor, edge: EdgeDouble) -> None:
    edge.origin = "https://elsewhere.example"
    guest.visit()

    assert code_of(guest, "Tocsin.subscribe()") == "network"


def test_what_the_server_did_not_confirm_is_told_again_at_the_next_visit(
    guest: Visitor, edge: EdgeDouble
) -> None:
    edge.refusing = 503
    guest.visit()
    assert code_of(guest, "Tocsin.subscribe({remoteUserId: 'u-7'})") == "server"
    assert state(guest) == "unconfirmed"

    edge.refusing = 0
    guest.visit()

    first, second = edge.calls
    assert second.body == first.body
    assert second.body["remote_user_id"] == "u-7"
    assert state(guest) == "subscribed"


def test_a_whole_address_that_an_older_tag_left_pending_is_not_told(
    guest: Visitor, edge: EdgeDouble
) -> None:
    edge.refusing = 400
    guest.visit()
    code_of(guest, "Tocsin.subscribe()")
    guest.page.evaluate("""() => new Promise((done) => {
        indexedDB.open('tocsin', 1).onsuccess = ({ target: { result: database } }) => {
            const transaction = database.transaction('memory', 'readwrite');
            const store = transaction.objectStore('memory');
            store.get('subscription').onsuccess = ({ target: { result: memory } }) => {
                memory.pending.page = `${location.origin}/?ad=${'x'.repeat(20000)}`;
                store.put(memory, 'subscription');
            };
            transaction.oncomplete = () => done(database.close());
        };
    })""")
    edge.refusing = 0

    guest.visit()

    assert edge.calls[-1].body["page"] == guest.origin
    assert state(guest) == "subscribed"


def test_a_new_vapid_key_moves_the_subscription(subscriber: Visitor, edge: EdgeDouble) -> None:
    before = endpoint(subscriber)
    edge.vapid = a_key()

    subscriber.visit()

    moved = edge.calls[1].body
    assert endpoint(subscriber) != before
    assert moved["previous_endpoint"] == before
    assert moved["subscription"]["endpoint"] == endpoint(subscriber)
    assert "language" not in moved  # what the server may have learned since stays
    assert state(subscriber) == "subscribed"


def test_a_stale_key_in_the_cached_loader_moves_nothing(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    before = endpoint(subscriber)
    edge.stale_vapid = a_key()

    subscriber.visit()

    assert endpoint(subscriber) == before
    assert len(edge.calls) == 1


def test_a_lost_subscription_is_made_anew(subscriber: Visitor, edge: EdgeDouble) -> None:
    before = endpoint(subscriber)
    subscriber.page.evaluate("localStorage.removeItem('fake-push')")

    subscriber.visit()

    assert edge.calls[1].body["previous_endpoint"] == before


def test_a_subscription_that_nobody_remembers_is_told_again(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    subscriber.page.evaluate("""new Promise((done) => {
        indexedDB.deleteDatabase('tocsin').onsuccess = done;
    })""")

    subscriber.visit()

    again = edge.calls[1].body
    assert again["subscription"]["endpoint"] == endpoint(subscriber)
    assert "previous_endpoint" not in again
    assert state(subscriber) == "subscribed"


def with_another_vendor(guest: Visitor) -> str | None:
    """Let another vendor's tag subscribe the visitor; return the endpoint."""
    guest.visit()
    guest.page.evaluate(
        """async (applicationServerKey) => {
        const registration = await navigator.serviceWorker.register('/sw.js');
        await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
    }""",
        a_key(),
    )
    return endpoint(guest)


def test_another_vendors_subscription_is_left_alone_until_the_visitor_comes_over(
    guest: Visitor, edge: EdgeDouble
) -> None:
    before = with_another_vendor(guest)
    guest.visit()
    assert edge.calls == []
    assert endpoint(guest) == before

    guest.page.evaluate("Tocsin.subscribe()")

    assert only(edge).body["subscription"]["endpoint"] == endpoint(guest) != before
    assert only(edge).body["previous_endpoint"] == before, "an import may have brought it"


@pytest.mark.parametrize("failing", ["push-service", "server"])
def test_who_comes_over_is_known_by_the_old_endpoint_whatever_fails_on_the_way(
    guest: Visitor, edge: EdgeDouble, failing: str
) -> None:
    before = with_another_vendor(guest)
    if failing == "server":
        edge.refusing = 503
    else:
        guest.page.evaluate("localStorage.setItem('fake-push-broken', '1')")
    assert code_of(guest, "Tocsin.subscribe()") == failing
    assert endpoint(guest) != before
    edge.refusing = 0
    guest.page.evaluate("localStorage.removeItem('fake-push-broken')")

    guest.visit()

    assert edge.calls[-1].body["previous_endpoint"] == before
    assert edge.calls[-1].body["subscription"]["endpoint"] == endpoint(guest)
    assert state(guest) == "subscribed"


def test_a_traveller_is_followed(subscriber: Visitor, edge: EdgeDouble) -> None:
    subscriber.page.add_init_script(
        "Intl.DateTimeFormat.prototype.resolvedOptions = () => ({ timeZone: 'Asia/Tokyo' });"
    )

    subscriber.visit()
    subscriber.visit()

    assert [call.method for call in edge.calls] == ["POST", "PATCH"]
    assert edge.calls[1].body == {"timezone": "Asia/Tokyo"}


def test_update_changes_what_the_server_knows(subscriber: Visitor, edge: EdgeDouble) -> None:
    subscriber.page.evaluate("Tocsin.update({language: 'de', userData: {plan: null}})")

    assert edge.calls[1] == Call(
        "PATCH",
        f"/v1/edge/k3y/subscriptions/{2**63}",
        {"language": "de", "user_data": {"plan": None}},
        f"Bearer secret of {2**63}",
    )


def test_a_person_erased_on_the_server_is_not_brought_back(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    edge.refusing = 404

    assert code_of(subscriber, "Tocsin.update({language: 'de'})") == "not-subscribed"
    subscriber.visit()
    assert [call.method for call in edge.calls] == ["POST", "PATCH"]


def test_an_update_before_the_confirmation_goes_with_it(guest: Visitor, edge: EdgeDouble) -> None:
    edge.refusing = 503
    guest.visit()
    code_of(guest, "Tocsin.subscribe({userData: {plan: 'gold', seats: 2}})")
    edge.refusing = 0

    guest.page.evaluate("Tocsin.update({userData: {seats: 3}})")

    assert edge.calls[-1].body["user_data"] == {"plan": "gold", "seats": 3}
    assert state(guest) == "subscribed"


def test_unsubscribing_ends_it_here_and_there(subscriber: Visitor, edge: EdgeDouble) -> None:
    subscriber.page.evaluate("Tocsin.unsubscribe()")
    subscriber.visit()

    assert endpoint(subscriber) is None
    assert [call.method for call in edge.calls] == ["POST", "DELETE"]
    assert edge.calls[1].authorization == f"Bearer secret of {2**63}"
    assert state(subscriber) == "unsubscribed"


def test_a_server_that_missed_the_unsubscription_hears_it_at_the_next_visit(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    edge.refusing = 503
    subscriber.page.evaluate("Tocsin.unsubscribe()")
    assert endpoint(subscriber) is None
    edge.refusing = 0

    subscriber.visit()
    subscriber.visit()

    assert [call.method for call in edge.calls] == ["POST", "DELETE", "DELETE"]


def test_a_visitor_may_come_back(subscriber: Visitor, edge: EdgeDouble) -> None:
    subscriber.page.evaluate("Tocsin.unsubscribe()")
    subscriber.page.evaluate("Tocsin.subscribe()")

    assert [call.method for call in edge.calls] == ["POST", "DELETE", "POST"]
    assert state(subscriber) == "subscribed"


def test_a_tag_that_names_another_container_moves_the_subscriber(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    before = endpoint(subscriber)
    edge.container_key, edge.vapid = "0ther", a_key()

    subscriber.visit()

    moved = edge.calls[1]
    assert moved.path == "/v1/edge/0ther/subscriptions"
    assert moved.body["previous_endpoint"] == before
    assert moved.body["language"] == LANGUAGE


def test_the_worker_replaces_a_subscription_that_the_browser_dropped(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    before = endpoint(subscriber)

    subscriber.lose_subscription()

    moved = edge.calls[1].body
    assert moved["previous_endpoint"] == before
    assert moved["subscription"]["endpoint"] != before


def test_the_worker_makes_no_subscription_for_one_who_left(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    subscriber.page.evaluate("Tocsin.unsubscribe()")

    subscriber.lose_subscription()

    assert [call.method for call in edge.calls] == ["POST", "DELETE"]


def test_a_click_on_the_configured_prompt_subscribes(
    guest: Visitor, site: Site, edge: EdgeDouble
) -> None:
    site.tag_attributes = 'data-tocsin-prompt="#bell"'
    guest.visit()
    with guest.page.expect_response(f"{edge.base_url}/v1/edge/k3y/subscriptions"):
        guest.page.click(BELL)

    assert only(edge).body["subscription"]["endpoint"] == endpoint(guest)


def test_a_call_made_before_the_tag_has_arrived_asks_at_once_and_waits(
    guest: Visitor, edge: EdgeDouble
) -> None:
    """The asset is held back; permission is asked in the click all the same."""
    held: list[Any] = []
    guest.page.route("**/tag/assets/*", lambda route: held.append(route))  # noqa: PLW0108 - playwright cannot mark a built-in
    guest.page.add_init_script("""
        window.asked = 0;
        const real = Notification.requestPermission;
        Notification.requestPermission = () => {
            window.asked += 1;
            return real.call(Notification);
        };
    """)
    guest.page.goto(guest.origin + "/", wait_until="commit")
    guest.page.wait_for_function("window.Tocsin")
    guest.page.evaluate("() => { window.answer = Tocsin.subscribe({remoteUserId: 'early'}); }")
    assert guest.page.evaluate("window.asked") == 1
    assert edge.calls == []

    guest.until(lambda: held, what="the request for the asset")
    held.pop().continue_()

    assert guest.page.evaluate("window.answer") == {"id": str(2**63)}
    assert guest.page.evaluate("window.asked") == 1
    assert only(edge).body["remote_user_id"] == "early"


def test_a_tag_that_never_arrives_rejects_the_calls(guest: Visitor) -> None:
    guest.page.route("**/tag/assets/*", lambda route: route.abort())
    guest.page.goto(guest.origin + "/")

    assert code_of(guest, "Tocsin.status()") == "tag"
    assert code_of(guest, "Tocsin.subscribe()") == "tag"


def test_a_strict_content_security_policy_needs_a_nonce_and_the_servers_address(
    guest: Visitor, site: Site, edge: EdgeDouble
) -> None:
    scripts = "script-src 'nonce-abc'; worker-src 'self'"
    site.policy = f"default-src 'none'; {scripts}; connect-src {edge.base_url}"
    site.tag_attributes = 'nonce="abc"'
    guest.visit()

    guest.page.evaluate("Tocsin.subscribe()")

    assert state(guest) == "subscribed"


def test_a_loader_that_stands_twice_in_the_page_counts_once(
    subscriber: Visitor, edge: EdgeDouble
) -> None:
    subscriber.page.evaluate("() => { window.first = Tocsin; }")
    subscriber.page.add_script_tag(url=f"{edge.base_url}/tag/k3y.js")

    assert subscriber.page.evaluate("Tocsin === first")
    assert len(edge.calls) == 1
