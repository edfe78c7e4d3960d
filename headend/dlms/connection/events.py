"""What a connection tells its owner beside the APDUs themselves."""

from attrs import field, frozen

from headend.dlms.enumerations import (
    AssociationResult,
    Conformance,
    DiagnosticSource,
    ProviderDiagnostic,
    UserDiagnostic,
)
from headend.dlms.errors import RemoteError


@frozen
class Associated:
    """The association stands, both ends proven as far as its authentication asks for."""

    conformance: Conformance
    max_pdu_size: int  #: what the server takes, in octets
    peer_system_title: bytes | None


@frozen
class AssociationRejected:
    """The meter did not accept; `text` is for people. Nothing of it is authenticated: it may be anybody's word."""

    text: str
    result: AssociationResult = AssociationResult.REJECTED_PERMANENT
    source: DiagnosticSource = DiagnosticSource.ACSE_SERVICE_USER
    diagnostic: UserDiagnostic | ProviderDiagnostic = UserDiagnostic.NULL
    #: The counter the meter says it expects, where an exception response names one.
    expected_counter: int | None = None


@frozen
class Released:
    """The association is over. `confirmed`: the meter answered the RLRQ as the standard says."""

    confirmed: bool


@frozen
class AssociationOpened:
    """Server: `client_sap` is associated and, with HLS, proven."""

    client_sap: int
    conformance: Conformance
    max_pdu_size: int  #: what the client takes, in octets
    peer_system_title: bytes | None


@frozen
class AssociationClosed:
    """Server: the association of `client_sap` is over: released, replaced by a new one, or HLS failed."""

    client_sap: int
    #: The largest verified counter of this client: what the next association must start above.
    last_received: int


@frozen
class RequestReceived:
    """Server: one complete request; blocks are joined. `respond` answers it where it is confirmed."""

    client_sap: int
    apdu: object = field()
    confirmed: bool = True


@frozen
class RequestRefused:
    """Server: octets of `client_sap` were turned away, and answered as the standard says; nothing else changed."""

    client_sap: int
    error: RemoteError
