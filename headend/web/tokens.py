"""Who calls the API: a token in the Authorization header."""

from typing import Final

from headend.web.faces import Faces
from headend.web.security import Token

#: No token is longer; a header that is, is not looked up.
_LONGEST: Final = 200


async def token_of(ports: Faces, authorization: bytes) -> Token | None:
    """The token's holder, None for none or one that is not (any more) good."""
    scheme, _, value = authorization.partition(b" ")
    token = value.strip()
    if scheme.lower() != b"bearer" or not token or len(token) > _LONGEST or not token.isascii():
        return None
    found = await ports.tokens.holder(token.decode())
    return None if found is None else Token(found.id, found.name, found.scopes, found.office, found.per_minute)
