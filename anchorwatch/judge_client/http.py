"""The HTTP client under the `openai` package: aiohttp, every attempt bounded as a whole, every answer metered.

The package spends three times as long on preparing a request as on sending it. All requests of a run differ in
their body alone, so the first one that the package prepared serves as the template for the first attempt of
every other; whatever goes wrong with it is the package's to retry.
"""

import asyncio
from typing import Any, Protocol

from anchorwatch.judge_client.pace import Pace

_OF_ONE_REQUEST = ("content-length", "idempotency-key", "x-stainless-retry-count")


class MeteredHttp(Protocol):
    """What `metered_http` returns, beside being an HTTP client for the `openai` package.

    Attributes:
        prepared: Set once there is a template, or the first request failed before there was one.
    """

    prepared: asyncio.Event

    async def post_again(self, content: bytes) -> Any:
        """Send a body the way the package sent the first; None without an answer."""
        ...

    @property
    def has_template(self) -> bool:
        """Whether the package has sent a request."""
        ...


def metered_http(timeout_seconds: float, connections: int, pace: Pace) -> Any:
    """Return the client. httpx2's own timeouts start anew with every byte: a server that drips never meets them."""
    import aiohttp
    import httpx2
    from openai import DefaultAioHttpClient

    class Client(DefaultAioHttpClient):
        _template: Any = None
        prepared = asyncio.Event()

        async def send(self, request: Any, **options: Any) -> Any:
            if self._template is None:
                headers = [pair for pair in request.headers.items() if pair[0].lower() not in _OF_ONE_REQUEST]
                self._template = (request.url, headers, request.extensions)
                self.prepared.set()
            try:
                async with asyncio.timeout(timeout_seconds):
                    response = await super().send(request, **options)
                    await response.aread()
            except TimeoutError:
                raise httpx2.ReadTimeout("the whole answer took too long", request=request) from None
            except aiohttp.ClientError as error:
                # What is no HTTP at all passes the transport as it is, and the package would not try again.
                raise httpx2.RemoteProtocolError(type(error).__name__, request=request) from None
            pace.saw(response.status_code, response.headers)
            return response

        @property
        def has_template(self) -> bool:
            return self._template is not None

        async def post_again(self, content: bytes) -> Any:
            url, headers, extensions = self._template
            request = httpx2.Request("POST", url, headers=headers, content=content, extensions=extensions)
            try:
                return await self.send(request)
            except httpx2.TransportError:
                return None

    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    return Client(limits=limits, timeout=timeout_seconds)
