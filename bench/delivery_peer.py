"""pywebpush as a sender for bench/delivery.py; prints what the sending cost as JSON.

Run: python delivery_peer.py {call,session,async} JOB.json, in an environment with pywebpush

JOB: {subscriptions, payload, privateKey, subject, ttl, atOnce, caFile}. call is webpush() as its
README shows it; session and async keep their connections. The key is parsed once for all.
"""
# ruff: noqa: INP001, T201, TID251 - a script, which prints what it measured

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import requests
from py_vapid import Vapid
from pywebpush import webpush, webpush_async


def options(job: dict[str, Any], vapid: Vapid) -> dict[str, Any]:
    """Return what is said with every message."""
    return {
        "data": job["payload"],
        "vapid_private_key": vapid,
        "vapid_claims": {"sub": job["subject"]},
        "ttl": job["ttl"],
    }


def call_all(job: dict[str, Any], vapid: Vapid, session: requests.Session | None = None) -> None:
    """Send one after another."""
    for subscription in job["subscriptions"]:
        answer = webpush(subscription, requests_session=session, **options(job, vapid))
        if answer.status_code != 201:
            raise SystemExit(f"status {answer.status_code}")


async def await_all(job: dict[str, Any], vapid: Vapid) -> None:
    """Send so many at once."""
    waiting: Iterator[Any] = iter(job["subscriptions"])
    context = ssl.create_default_context(cafile=job["caFile"])
    connector = aiohttp.TCPConnector(ssl=context, limit=job["atOnce"])

    async def send(session: aiohttp.ClientSession) -> None:
        for subscription in waiting:
            answer = await webpush_async(
                subscription, aiohttp_session=session, **options(job, vapid)
            )
            if answer.status != 201:
                raise SystemExit(f"status {answer.status}")

    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(send(session) for _ in range(job["atOnce"])))


def main() -> None:
    """Send them all."""
    how, path = sys.argv[1:]
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    vapid = Vapid.from_string(job["privateKey"])
    cpu, began = time.process_time(), time.perf_counter()
    if how == "call":
        call_all(job, vapid)
    elif how == "session":
        with requests.Session() as session:
            call_all(job, vapid, session)
    else:
        asyncio.run(await_all(job, vapid))
    used, took = time.process_time() - cpu, time.perf_counter() - began
    print(json.dumps({"cpu_s": used, "seconds": took}))


main()
