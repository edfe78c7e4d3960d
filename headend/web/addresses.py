"""Where a call comes from."""

from headend.web.faces import WebRequest


def caller_address(request: WebRequest) -> str:
    """The address of the peer; what a header says about it is anybody's claim and not looked at."""
    return request.client.host if request.client is not None else "unknown"
