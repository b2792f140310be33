"""A client that sends its request too slowly is cut off, so it cannot hold a worker."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def deadline(app: ASGIApp, *, seconds: float) -> ASGIApp:
    """Return *app*, whose requests must have arrived within *seconds* of their head."""

    async def with_deadline(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + seconds
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:  # what comes now is the end of the connection, whenever that is
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                return {"type": "http.disconnect"}
            complete = not message.get("more_body", False)
            return message

        await app(scope, receive_in_time, send)

    return with_deadline
