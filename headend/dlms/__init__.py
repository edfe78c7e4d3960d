"""DLMS/COSEM without input or output: octets and events in, octets and events out, client and server role.

The names below are loaded when first used, so that who needs a codec alone does not wait for the cryptography.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headend.dlms.association import State
    from headend.dlms.connection import (
        FULL_CONFORMANCE,
        Associated,
        AssociationClosed,
        AssociationOpened,
        AssociationRejected,
        Ciphering,
        ClientConnection,
        ClientEvent,
        ClientParameters,
        EndToEndKeys,
        Farewell,
        Notification,
        PreparedRequest,
        Refusal,
        Released,
        ReleaseSupport,
        Request,
        RequestReceived,
        RequestRefused,
        Security,
        ServerConnection,
        ServerEvent,
        ServerParameters,
        prepare,
    )
    from headend.dlms.errors import DecodeError, LocalError, ProtocolError, RemoteError, SecurityError

__all__ = [
    "FULL_CONFORMANCE",
    "Associated",
    "AssociationClosed",
    "AssociationOpened",
    "AssociationRejected",
    "Ciphering",
    "ClientConnection",
    "ClientEvent",
    "ClientParameters",
    "DecodeError",
    "EndToEndKeys",
    "Farewell",
    "LocalError",
    "Notification",
    "PreparedRequest",
    "ProtocolError",
    "Refusal",
    "ReleaseSupport",
    "Released",
    "RemoteError",
    "Request",
    "RequestReceived",
    "RequestRefused",
    "Security",
    "SecurityError",
    "ServerConnection",
    "ServerEvent",
    "ServerParameters",
    "State",
    "prepare",
]

_HOMES = {
    "State": "headend.dlms.association",
    **dict.fromkeys(
        ("DecodeError", "LocalError", "ProtocolError", "RemoteError", "SecurityError"), "headend.dlms.errors"
    ),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "headend.dlms.connection")), name)
