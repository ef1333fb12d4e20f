"""One request to an ASGI application, without a server."""

import asyncio
from collections.abc import Callable
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


def answer(wrap: Callable[[Any], Any], **scope: Any) -> Answer:
    """Status, headers and body for a request; status 0 if it is passed on.

    Args:
        wrap: makes the application from the one that it passes requests on to.
        scope: of the request, beside its type.
    """
    sent: list[Any] = []

    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 0, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(wrap(inner)({"type": "http", **scope}, None, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent)
