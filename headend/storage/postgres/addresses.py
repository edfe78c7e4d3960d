"""Addresses of databases, as people may see them."""

import re
from urllib.parse import urlsplit


def shown(url: str) -> str:
    """The address without its password."""
    parts = urlsplit(url)
    return parts._replace(netloc=re.sub(r":[^:@]*@", "@", parts.netloc), query="").geturl()
