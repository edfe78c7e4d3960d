"""HTTP as channels use it: one client for a channel, and errors sorted by whether the message can have arrived."""

from typing import Final

import httpx
from attrs import define, field

from headend.notify.outgoing import Away, Later
from headend.notify.smsspec import HttpRequest

#: An answer longer than this is no answer to one message.
_LONGEST_ANSWER: Final = 65_536


@define(eq=False)
class Http:
    """Sends requests; redirects are not followed, since a message would go where nobody configured."""

    timeout_s: float = 20.0
    _client: httpx.AsyncClient | None = field(init=False, default=None)

    async def exchange(self, request: HttpRequest) -> tuple[int, str] | Later | Away:
        """Status and body of the answer; Away when no connection came about, Later when the answer was lost."""
        try:
            async with self._opened().stream(
                request.method,
                request.url,
                headers=dict(request.headers),
                json=request.json,
                content=request.content,
                data=None if request.form is None else dict(request.form),
            ) as answer:
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > _LONGEST_ANSWER:
                        return Later("the answer is too long")
                return answer.status_code, body.decode("utf-8", "replace")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Away(_named(error))
        except httpx.HTTPError as error:
            return Later(f"no answer: {_named(error)}")
        except (httpx.InvalidURL, ValueError) as error:
            return Later(f"not a request that can be sent: {_named(error)}")

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self.timeout_s)
        return self._client


def _named(error: Exception) -> str:
    """The kind of error alone: its text may hold the URL, and that a secret."""
    return type(error).__name__
