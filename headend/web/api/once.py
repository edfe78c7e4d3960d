"""A request with an Idempotency-Key is done once; whoever sends it again gets the same answer again."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.exceptions import ClientException, ValidationException
from litestar.params import HeaderParameter

from headend.web.api.routes import caller
from headend.web.faces import WebRequest, faces

_KEY: Final = re.compile(r"[!-~]{8,64}")

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=8,
        max_length=64,
        pattern=r"^[!-~]{8,64}$",
        description="8 to 64 visible characters, new for each thing that is to be done",
    ),
]


async def once(
    request: WebRequest, key: str, status: int, work: Callable[[], Awaitable[Any]], *, given: msgspec.Struct
) -> Response[Any]:
    """Do `work` and keep its answer, or give back the answer that this key had.

    A crash between the two does the work again, which is why what it does has a cause or payment id of its own.
    """
    if not _KEY.fullmatch(key):
        raise ValidationException("Idempotency-Key: 8 to 64 visible ASCII characters")
    tokens, number = faces(request).tokens, caller(request).id
    asked = hashlib.sha256(f"{request.method} {request.url.path} ".encode() + msgspec.json.encode(given)).digest()
    before = await tokens.begin_answer(number, key, asked)
    if before is not None and not before.same:
        raise ClientException("this Idempotency-Key was used for another request", status_code=422)
    if before is not None and before.status is not None and before.body is not None:
        kept = msgspec.Raw(before.body.encode())
        return Response(kept, status_code=before.status, headers={"idempotent-replayed": "true"})
    try:
        body = msgspec.json.encode(await work()).decode()
    except BaseException:
        await tokens.drop_answer(number, key)
        raise
    await tokens.keep_answer(number, key, status, body)
    return Response(msgspec.Raw(body.encode()), status_code=status)
