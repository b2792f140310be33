"""Requests per CPU-second of PushHttp against a minimal sink in a process of its own.

Run: PYTHONPATH=src python bench/transport.py [requests]
The sink looks for the ends of requests and answers 201 in bulk: it must not be what is measured.
"""
# ruff: noqa: INP001, T201 - a script: nothing imports it, and it prints what it measured

import multiprocessing
import os
import platform
import resource
import selectors
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pycurl
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tocsin.transport.push_http import Push, PushHttp

BODY = bytes(300)
IN_FLIGHT = 256
HEADERS = (
    "TTL: 3600",
    "Urgency: normal",
    "Topic: 0123456789abcdef0123456789abcdef",
    "Content-Encoding: aes128gcm",
    "Content-Type: application/octet-stream",
    "Authorization: vapid t=" + "x" * 230 + ", k=" + "y" * 87,
)
ANSWER_H1 = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nLocation: https://x/y\r\n\r\n"
PREFACE_BYTES = 24


class H1Sink:
    """Counts bodies: every request of this benchmark ends in one."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, data: bytes) -> bytes:
        """Return the answers to what *data* completes."""
        data = self._rest + data
        answers = 0
        while (end := data.find(b"\r\n\r\n")) >= 0 and len(data) >= end + 4 + len(BODY):
            data = data[end + 4 + len(BODY) :]
            answers += 1
        self._rest = data
        return ANSWER_H1 * answers


class H2Sink:
    """Reads frame heads (RFC 9113 section 4.1) and answers where a stream ends."""

    def __init__(self) -> None:
        self._rest = b""
        self._greeted = False

    def __call__(self, data: bytes) -> bytes:
        """Return the answers to what *data* completes."""
        data, out, at = self._rest + data, [], 0
        if not self._greeted:
            if len(data) < PREFACE_BYTES:
                self._rest = data
                return b""
            self._greeted, at = True, PREFACE_BYTES
            out.append(bytes(3) + b"\x04\x00" + bytes(4))
        window = 0
        while len(data) - at >= 9:
            size = int.from_bytes(data[at : at + 3])
            if len(data) - at < 9 + size:
                break
            kind, flags, stream = data[at + 3], data[at + 4], data[at + 5 : at + 9]
            if kind == 4 and not flags & 1:
                out.append(bytes(3) + b"\x04\x01" + bytes(4))
            if kind == 0:
                window += size
                if flags & 1:
                    out.append(b"\x00\x00\x05\x01\x05" + stream + b"\x08\x03201")
            at += 9 + size
        if window:
            out.append(b"\x00\x00\x04\x08\x00" + bytes(4) + window.to_bytes(4))
        self._rest = data[at:]
        return b"".join(out)


def sink(listener: socket.socket, new: Callable[[], Callable[[bytes], bytes]], pem: str) -> None:
    """Serve for ever; blocking writes are fine, the answers are tiny."""
    context = None
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.set_alpn_protocols(["h2" if new is H2Sink else "http/1.1"])
    chosen = selectors.EpollSelector()
    chosen.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if context:
                    connection = context.wrap_socket(connection, server_side=True)
                chosen.register(connection, selectors.EVENT_READ, new())
                continue
            data = key.fileobj.recv(262144)
            while context and key.fileobj.pending():
                data += key.fileobj.recv(262144)
            if not data:
                chosen.unregister(key.fileobj)
                key.fileobj.close()
                continue
            key.fileobj.sendall(key.data(data))


def certificate(folder: str) -> str:
    """Return the path of a key and a self-signed certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251 - a certificate of this hour
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = Path(folder, "sink.pem")
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(path)


def cpu_seconds() -> float:
    """Return what this process has used, in user and system mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def drive(http: PushHttp, url: str, count: int) -> float:
    """Return the CPU seconds that *count* pushes took."""
    start = cpu_seconds()
    sent = done = 0
    while done < count:
        while sent < count and http.in_flight < IN_FLIGHT:
            http.submit(Push(f"{url}{sent}", HEADERS, BODY, sent))
            sent += 1
        for result in http.wait(1000):
            if result.status != 201:
                raise SystemExit(f"the sink did not answer: {result}")
            done += 1
    return cpu_seconds() - start


def main() -> None:
    """Print one line per kind of connection."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.processor())  # fmt: skip
    print(f"{model}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}")
    print(f"Python {platform.python_version()}, {pycurl.version}")
    print(f"{count} pushes of {len(BODY)} bytes, {IN_FLIGHT} in flight")
    with tempfile.TemporaryDirectory() as folder:
        pem = certificate(folder)
        for label, new, used in (
            ("plain HTTP/1.1", H1Sink, ""),
            ("TLS HTTP/1.1", H1Sink, pem),
            ("TLS HTTP/2", H2Sink, pem),
        ):
            listener = socket.create_server(("127.0.0.1", 0), backlog=512)
            process = multiprocessing.Process(target=sink, args=(listener, new, used), daemon=True)
            process.start()
            scheme = "https" if used else "http"
            url = f"{scheme}://localhost:{listener.getsockname()[1]}/push/"
            http = PushHttp(permit_address=lambda *_: True, ca_file=pem)
            drive(http, url, 1000)  # connect, fill the pool
            seconds = drive(http, url, count)
            http.close()
            process.terminate()
            process.join()
            listener.close()
            each = seconds / count * 1e6
            print(f"{label:15} {count / seconds:8.0f} pushes per CPU-second, {each:5.1f} us each")


if __name__ == "__main__":
    main()
