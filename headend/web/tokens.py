"""Who calls the API: a token in the Authorization header."""

from headend.web.faces import Faces
from headend.web.security import Token


async def token_of(ports: Faces, authorization: bytes) -> Token | None:  # noqa: ARG001
    """The token's holder, None for none or one that is not (any more) good."""
    return None
