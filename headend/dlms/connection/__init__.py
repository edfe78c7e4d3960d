"""The façade of the protocol: a connection of either role, octets on one side, requests and events on the other."""

from headend.dlms.connection.client import ClientConnection
from headend.dlms.connection.client_standing import ClientEvent
from headend.dlms.connection.end_to_end import EndToEndKeys
from headend.dlms.connection.events import (
    Associated,
    AssociationClosed,
    AssociationOpened,
    AssociationRejected,
    Released,
    RequestReceived,
    RequestRefused,
)
from headend.dlms.connection.parameters import (
    FULL_CONFORMANCE,
    Ciphering,
    ClientParameters,
    Farewell,
    Refusal,
    ReleaseSupport,
    Security,
    ServerParameters,
)
from headend.dlms.connection.server import ServerConnection
from headend.dlms.connection.server_association import ServerEvent
from headend.dlms.connection.services import Notification, PreparedRequest, Request, prepare

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
    "EndToEndKeys",
    "Farewell",
    "Notification",
    "PreparedRequest",
    "Refusal",
    "ReleaseSupport",
    "Released",
    "Request",
    "RequestReceived",
    "RequestRefused",
    "Security",
    "ServerConnection",
    "ServerEvent",
    "ServerParameters",
    "prepare",
]
