"""The push service as a sender meets it: over real connections."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pycurl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from py_vapid import Vapid02
from pywebpush import webpush

from tocsin.webpush.encryption import MAX_PLAINTEXT
from tocsin.webpush.vapid import load_private_key

if TYPE_CHECKING:
    from conftest import Sender, Start


def test_a_good_push_is_taken(sender: Sender) -> None:
    got = sender.push(7, topic="T-7", title="Zdravo")

    assert got.status == 201
    assert got.headers["Location"] == "/message/1"
    assert got.headers["TTL"] == "60"
    report = sender.report()
    assert (report["received"], report["subscribers"], report["statuses"]) == (1, 1, {"201": 1})
    assert report["violations"] == []
    [line] = sender.ask("GET", "/report/subscribers").lines()
    assert (line["n"], line["count"], line["ambiguous"]) == (7, 1, 0)
    assert (line["topics"], line["titles"]) == (["T-7"], ["Zdravo"])
    assert line["first_ms"] == line["last_ms"] == line["arrival_ms"][0]


def test_pywebpush_is_understood(sender: Sender) -> None:
    answer = webpush(
        subscription_info=sender.subscriber(3).subscription(sender.base_url),
        data=json.dumps({"title": "from pywebpush"}),
        vapid_private_key=Vapid02(load_private_key(bytes(31) + b"\x07")),
        vapid_claims={"sub": "mailto:a@b.example"},
        ttl=30,
    )

    assert answer.status_code == 201
    [line] = sender.ask("GET", "/report/subscribers").lines()
    assert (line["n"], line["titles"]) == (3, ["from pywebpush"])


def test_libcurl_pushes_many_over_one_connection(sender: Sender) -> None:
    curl = pycurl.Curl()
    lines = [f"{name}: {value}" for name, value in sender.headers().items()]
    for n in range(20):
        answer = io.BytesIO()
        curl.setopt(pycurl.URL, sender.base_url + sender.subscriber(n).path())
        curl.setopt(pycurl.HTTPHEADER, lines)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.POSTFIELDS, sender.body(n))
        curl.setopt(pycurl.WRITEDATA, answer)
        curl.perform()
        assert curl.getinfo(pycurl.RESPONSE_CODE) == 201
        assert curl.getinfo(pycurl.NUM_CONNECTS) == (1 if n == 0 else 0)
    curl.close()
    assert sender.report()["subscribers"] == 20
    assert len(sender.service.tokens) == 1


Alter = Callable[[Any, dict[str, str]], None]


def put(name: str, value: str | None) -> Alter:
    def alter(_sender: Sender, headers: dict[str, str]) -> None:
        headers.pop(name)
        if value is not None:
            headers[name] = value

    return alter


def authorize(**how: object) -> Alter:
    def alter(sender: Sender, headers: dict[str, str]) -> None:
        headers["Authorization"] = sender.authorization(**how)  # type: ignore[arg-type] # by name

    return alter


def double(name: str) -> Alter:
    def alter(_sender: Sender, headers: dict[str, str]) -> None:
        headers[name.lower()] = headers[name]

    return alter


@pytest.mark.parametrize(
    ("alter", "status", "reason"),
    [
        pytest.param(put("TTL", None), 400, "TTL", id="no TTL"),
        pytest.param(put("TTL", "-1"), 400, "TTL", id="TTL is negative"),
        pytest.param(put("TTL", "1.5"), 400, "TTL", id="TTL is a fraction"),
        pytest.param(double("TTL"), 400, "ttl is there twice", id="two TTLs"),
        pytest.param(put("Urgency", "urgent"), 400, "Urgency", id="unknown urgency"),
        pytest.param(put("Urgency", "low, high"), 400, "Urgency", id="two urgencies in one"),
        pytest.param(double("Urgency"), 400, "urgency is there twice", id="two urgencies"),
        pytest.param(put("Topic", "a b"), 400, "Topic", id="topic with a blank"),
        pytest.param(put("Topic", "T" * 33), 400, "Topic", id="long topic"),
        pytest.param(put("Topic", ""), 400, "Topic", id="empty topic"),
        pytest.param(put("Content-Encoding", None), 400, "aes128gcm", id="no encoding"),
        pytest.param(put("Content-Encoding", "aesgcm"), 400, "aes128gcm", id="the old encoding"),
        pytest.param(put("Authorization", None), 401, "missing", id="no authorization"),
        pytest.param(put("Authorization", "Bearer x"), 401, "scheme", id="another scheme"),
        pytest.param(authorize(origin="https://other.example"), 401, "aud", id="another audience"),
        pytest.param(authorize(shift_ms=-3_600_001), 401, "expired", id="expired"),
        pytest.param(authorize(shift_ms=86_400_000), 401, "24 hours", id="too far ahead"),
    ],
)
def test_what_a_request_is_refused_for(
    sender: Sender, alter: Alter, status: int, reason: str
) -> None:
    headers = sender.headers()
    alter(sender, headers)

    got = sender.ask("POST", sender.subscriber(1).path(), headers, sender.body(1))

    assert (got.status, reason in got.body.decode()) == (status, True), got.body
    report = sender.report()
    assert (report["received"], report["violation_count"]) == (0, 1)
    assert report["violations"][0] | {"at_ms": 0, "path": ""} == {
        "n": 1,
        "path": "",
        "status": status,
        "reason": got.body.decode(),
        "at_ms": 0,
    }
    [line] = sender.ask("GET", "/report/attempts").lines()
    assert [answer for _, answer in line["attempts"]] == [status]


def test_what_is_optional_may_be_left_out(sender: Sender) -> None:
    headers = sender.headers()
    del headers["Topic"], headers["Urgency"]

    assert sender.ask("POST", sender.subscriber(1).path(), headers, sender.body(1)).status == 201


def test_a_ttl_beyond_four_weeks_is_shortened(sender: Sender) -> None:
    headers = sender.headers() | {"TTL": "9999999"}

    got = sender.ask("POST", sender.subscriber(1).path(), headers, sender.body(1))

    assert (got.status, got.headers["TTL"]) == (201, "2419200")


def test_another_method_is_refused(sender: Sender) -> None:
    assert sender.ask("PUT", sender.subscriber(1).path(), sender.headers(), b"").status == 405


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(
            lambda path: path[:-1] + ("A" if path[-1] != "A" else "B"), id="another token"
        ),
        pytest.param(lambda path: path.replace("/1/", "/2/"), id="another number"),
        pytest.param(lambda path: path.replace("/1/", "/01/"), id="another spelling"),
        pytest.param(lambda path: path + "/", id="a slash"),
        pytest.param(lambda _: "/push/", id="nothing"),
        pytest.param(lambda _: "/push/1", id="no token"),
    ],
)
def test_where_nobody_lives(sender: Sender, spoil: Callable[[str], str]) -> None:
    path = spoil(sender.subscriber(1).path())

    assert sender.ask("POST", path, sender.headers(), sender.body(1)).status == 404
    assert sender.report()["violations"][0]["n"] is None


@pytest.mark.parametrize(
    ("body_of", "status", "reason"),
    [
        pytest.param(lambda s: s.body(2), 400, "undecryptable", id="for someone else"),
        pytest.param(lambda s: s.body(1)[:-1], 400, "undecryptable", id="truncated"),
        pytest.param(lambda _: b"", 400, "undecryptable", id="empty"),
        pytest.param(lambda s: s.body(1, b"text"), 400, "not JSON", id="not JSON"),
        pytest.param(lambda s: s.body(1, b"\xff"), 400, "not JSON", id="not UTF-8"),
        pytest.param(lambda s: s.body(1, b"[1]"), 400, "not a JSON object", id="a list"),
        pytest.param(
            lambda s: s.body(1, b" " * MAX_PLAINTEXT) + b"x", 413, "4096", id="a byte too many"
        ),
        pytest.param(lambda _: bytes((1 << 20) + 1), 413, "", id="a megabyte and a byte"),
    ],
)
def test_what_a_body_is_refused_for(
    sender: Sender, body_of: Callable[[Sender], bytes], status: int, reason: str
) -> None:
    got = sender.ask("POST", sender.subscriber(1).path(), sender.headers(), body_of(sender))

    assert (got.status, reason in got.body.decode()) == (status, True), got.body
    sender.connection.close()
    assert sender.report()["received"] == 0


def test_the_largest_message_is_taken(sender: Sender) -> None:
    plaintext = b'{"title":"' + b"x" * (MAX_PLAINTEXT - 12) + b'"}'
    body = sender.body(1, plaintext)

    assert len(body) == 4096
    assert sender.ask("POST", sender.subscriber(1).path(), sender.headers(), body).status == 201


def test_a_subscription_made_with_a_key_takes_only_that_key(sender: Sender) -> None:
    path = sender.subscriber(1).path(sender.signer.public_key)
    others = sender.headers(sender.authorization(signer=sender.stranger))

    assert sender.ask("POST", path, sender.headers(), sender.body(1)).status == 201
    assert sender.ask("POST", path, others, sender.body(1)).status == 403
    assert sender.ask("POST", sender.subscriber(1).path(), others, sender.body(1)).status == 201


def test_a_restarted_service_knows_its_subscribers_again(start: Start) -> None:
    first, again, other = start(), start(), start(seed="another seed")
    path, body = first.subscriber(5).path(), first.body(5)

    assert again.ask("POST", path, again.headers(), body).status == 201
    assert other.ask("POST", path, other.headers(), body).status == 404


def test_a_rule_answers_in_place_of_the_truth(sender: Sender) -> None:
    sender.behave(
        {
            "subscribers": {"modulo": 10, "remainder": 3},
            "times": 2,
            "answer": 429,
            "retry_after": "1",
            "reason": "slow down",
        }
    )

    answers = [sender.push(n) for n in (3, 4, 13, 23)]

    assert [got.status for got in answers] == [429, 201, 429, 201]
    assert (answers[0].headers["Retry-After"], answers[0].body) == ("1", b"slow down")
    report = sender.report()
    assert (report["received"], report["statuses"]) == (2, {"201": 2, "429": 2})
    assert report["violation_count"] == 0
    assert sender.ask("GET", "/behaviour").json()[0]["used"] == 2


def test_a_rule_that_takes_answers_as_told(sender: Sender) -> None:
    sender.behave({"answer": 202})

    assert sender.push(1).status == 202
    assert sender.report()["received"] == 1


def test_rules_do_not_excuse_a_bad_request(sender: Sender) -> None:
    sender.behave({"answer": 429, "times": 1})

    assert sender.ask("POST", sender.subscriber(1).path(), {}, b"").status == 400
    assert sender.push(1).status == 429


@pytest.mark.parametrize(
    ("how", "received", "ambiguous"),
    [
        pytest.param({"reset": "before_answer"}, 1, 1, id="taken, then reset"),
        pytest.param({"reset": "before_answer", "delay_ms": 5}, 1, 1, id="taken, reset later"),
        pytest.param({"reset": "before_answer", "answer": 503}, 0, 0, id="not taken, then reset"),
        pytest.param({"reset": "mid_body"}, 0, 0, id="reset within the body"),
    ],
)
def test_resets(sender: Sender, how: dict[str, object], received: int, ambiguous: int) -> None:
    sender.behave({"times": 1, **how})

    with pytest.raises(ConnectionResetError) as caught:
        sender.push(1)
    assert caught.type is ConnectionResetError  # and not http.client's word for a mere end

    sender.connection.close()
    report = sender.report()
    assert (report["received"], report["ambiguous"]) == (received, ambiguous)
    assert report["statuses"] == {"0": 1}
    assert sender.push(1).status == 201
    assert sender.report()["repeated"] == received


def test_a_delayed_answer_comes_after_its_delay(sender: Sender) -> None:
    sender.behave({"delay_ms": 50})
    began = time.monotonic()

    assert sender.push(1).status == 201
    assert time.monotonic() - began >= 0.05


def test_a_delay_holds_up_nobody_else(sender: Sender) -> None:
    sender.behave({"subscribers": {"from": 0, "to": 0}, "delay_ms": 60_000})
    slow = sender.connect()
    slow.request("POST", sender.subscriber(0).path(), sender.body(0), sender.headers())

    assert sender.push(1).status == 201
    assert select.select([slow.sock], [], [], 0) == ([], [], [])
    slow.close()


def test_pipelined_answers_keep_their_order(sender: Sender) -> None:
    sender.behave({"subscribers": {"from": 0, "to": 0}, "delay_ms": 50, "answer": 503})
    address = urlsplit(sender.base_url)
    wire = b"".join(
        f"POST {sender.subscriber(n).path()} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Length: {len(sender.body(n))}\r\n".encode()
        + "".join(f"{k}: {v}\r\n" for k, v in sender.headers().items()).encode()
        + (b"Connection: close\r\n" if n else b"")
        + b"\r\n"
        + sender.body(n)
        for n in (0, 1)
    )
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as raw:
        raw.sendall(wire)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))

    assert answer.index(b"503 Service Unavailable") < answer.index(b"201 Created")


def test_noise_is_answered_with_400(sender: Sender) -> None:
    address = urlsplit(sender.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as raw:
        raw.sendall(b"\x00\x01nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_messages_are_shown_and_forgotten(sender: Sender) -> None:
    for n in range(5):
        sender.push(n, title=f"to {n}", topic=f"T{n}")

    last = sender.ask("GET", "/messages?after=3").json()

    assert [(one["number"], one["n"], one["topic"]) for one in last] == [(4, 3, "T3"), (5, 4, "T4")]
    assert last[0]["payload"] == {"v": 1, "title": "to 3"}
    assert len(sender.ask("GET", "/messages").json()) == 5
    assert sender.ask("GET", "/messages?after=9").json() == []
    assert sender.ask("GET", "/messages?after=x").status == 400
    assert sender.ask("POST", "/reset").status == 204
    assert sender.report()["received"] == 0
    assert sender.ask("GET", "/report/subscribers").body == b""


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/report"), ("GET", "/reset"), ("GET", "//[")]
)
def test_other_paths_are_unknown(sender: Sender, method: str, path: str) -> None:
    assert sender.ask(method, path).status == 404


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_file, key_file


def test_tls(start: Start, tmp_path: Path) -> None:
    cert_file, key_file = self_signed(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert_file, key_file)
    sender = start(tls=tls, trust=ssl.create_default_context(cafile=cert_file))

    assert sender.base_url.startswith("https://localhost:")
    assert sender.push(1).status == 201
    sender.behave({"times": 1, "reset": "before_answer"})
    with pytest.raises((ConnectionResetError, ssl.SSLError, http.client.RemoteDisconnected)):
        sender.push(1)
    sender.connection.close()
    assert sender.report()["ambiguous"] == 1


def test_run_serves_until_it_is_told_to_stop() -> None:
    program = (
        "from tocsin.simulators.push_service import run\n"
        "run(seed='s', ready=lambda service: print(service.base_url, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        with contextlib.ExitStack() as at_end:
            at_end.callback(process.send_signal, signal.SIGTERM)
            assert process.stdout is not None
            base_url = process.stdout.readline().decode().strip()
            connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=10)
            at_end.callback(connection.close)
            connection.request("GET", "/report")
            assert json.loads(connection.getresponse().read())["received"] == 0
        assert process.wait(10) == 0
