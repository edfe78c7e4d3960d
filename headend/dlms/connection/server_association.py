"""One client SAP's association as the server sees it: who may ask, what is joined, what is cut, what is refused."""

from collections.abc import Callable
from typing import Final

from headend.dlms.apdu import (
    Aarq,
    ActionRequestNormal,
    ActionResponseNormal,
    Apdu,
    ConfirmedServiceError,
    ExceptionResponse,
    GeneralBlockTransfer,
    InitiateResponse,
    Rlre,
    Rlrq,
    decode,
    encode,
)
from headend.dlms.association import SERVER, Event, State, ours, theirs
from headend.dlms.connection import admission, hls
from headend.dlms.connection.counters import CounterError, InvocationCounter
from headend.dlms.connection.end_to_end import EndToEnd  # noqa: TC001 - the others of this module are used
from headend.dlms.connection.events import AssociationClosed, AssociationOpened, RequestReceived, RequestRefused
from headend.dlms.connection.handshake import GLO_INITIATE_RESPONSE, REPLY_TO_HLS
from headend.dlms.connection.parameters import LARGEST_PDU, Refusal, ReleaseSupport, ServerParameters
from headend.dlms.connection.protection import Protection, end_to_end_of
from headend.dlms.connection.server_blocks import ServerBlocks
from headend.dlms.connection.services import SERVICES, Notification, Request, prepare
from headend.dlms.connection.transfer import GeneralTransfer
from headend.dlms.enumerations import ActionResult, Conformance, ServiceError, StateError
from headend.dlms.errors import DecodeError, LocalError, RemoteError, SecurityError
from headend.dlms.security import KeyContext

ServerEvent = AssociationOpened | AssociationClosed | RequestReceived | RequestRefused

_AARQ: Final = 0x60
_RLRQ: Final = 0x62
_GENERAL_BLOCK: Final = 0xE0
_GENERAL: Final = frozenset((0xDB, 0xDC))
#: What this side refuses with before and beside any association, as recorded from meters.
_NOT_POSSIBLE: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE)
_NOT_SUPPORTED: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.SERVICE_NOT_SUPPORTED)
_UNKNOWN: Final = ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.OPERATION_NOT_POSSIBLE)
_TOO_LONG: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG)


class ServerAssociation:
    """Takes the APDUs of one client SAP, gives events and the APDUs to send; lives from one AARQ to the next.

    `last_received` is the client's largest verified counter so far. What breaks a rule is answered as the standard says
    and told as `RequestRefused`; the association itself stands, so that nobody can end it from outside.
    """

    __slots__ = (
        "_admission",
        "_blocks",
        "_cipher",
        "_client_sap",
        "_counter",
        "_dedicated",
        "_end_to_end",
        "_events",
        "_general_answer",
        "_global",
        "_parameters",
        "_request",
        "_send",
        "_transfer",
        "conformance",
        "state",
    )

    def __init__(
        self,
        client_sap: int,
        parameters: ServerParameters,
        last_received: int,
        send: Callable[[bytes], None],
        tell: Callable[[ServerEvent], None],
    ) -> None:
        self._client_sap = client_sap
        self._parameters = parameters
        self._send = send
        self._events = tell
        self.state = State.ASSOCIATED if parameters.pre_established else State.IDLE
        self.conformance = parameters.conformance if parameters.pre_established else Conformance(0)
        security = parameters.security
        self._counter = None if security is None else InvocationCounter(security.counters)
        self._global: Protection | None = None
        if security is not None and self._counter is not None and security.policy:
            self._global = Protection(security, self._counter, general=security.ciphering.general)
            self._global.start_above(last_received)
        self._dedicated: Protection | None = None
        self._end_to_end: EndToEnd | None = None
        if security is not None and self._counter is not None and security.policy and security.end_to_end is not None:
            self._end_to_end = end_to_end_of(security, self._counter)
        self._cipher: Protection | EndToEnd | None = self._global
        self._admission: admission.Admission | None = None
        self._request: Request | None = None
        self._transfer = GeneralTransfer(send, limit=parameters.largest_joined, window=parameters.window)
        self._general_answer = False
        self._blocks = ServerBlocks(parameters.largest_joined)

    @property
    def _client_takes(self) -> int:
        return LARGEST_PDU if self._admission is None else self._admission.max_pdu_size

    def _room_for(self, tag: int) -> int:
        """How many plain octets of an APDU that begins with `tag` the client takes, in the envelope it asked in."""
        return self._client_takes - (0 if self._cipher is None else self._cipher.overhead(tag))

    @property
    def last_received(self) -> int:
        """The client's largest verified counter."""
        return -1 if self._global is None else self._global.last_received

    @property
    def busy(self) -> bool:
        """Whether a request waits for `respond`."""
        return self._request is not None

    # What comes in

    def take(self, apdu: bytes) -> None:
        """Take one APDU; whatever it is, it is answered, told or both, and never raises a `RemoteError`."""
        try:
            self._take(apdu)
        except SecurityError as error:
            self._refuse(error, self._security_answer(error))
        except RemoteError as error:
            self._refuse(error, _UNKNOWN if isinstance(error, DecodeError) else _NOT_POSSIBLE)

    def _take(self, apdu: bytes) -> None:
        tag = apdu[0]
        if tag == _AARQ:
            self._take_aarq(apdu)
            return
        if tag == _RLRQ:
            self._take_rlrq(apdu)
            return
        if self.state not in (State.AUTHENTICATING, State.ASSOCIATED, State.REQUESTING):
            raise RemoteError("no association")
        self._general_answer = tag == _GENERAL_BLOCK
        if self._general_answer:
            joined = self._join(apdu)
            if joined is None:
                return
            apdu = joined
        self._take_plain(decode(self._open(apdu)))

    def _join(self, apdu: bytes) -> bytes | None:
        block = decode(apdu)
        assert isinstance(block, GeneralBlockTransfer)
        if not self.conformance & Conformance.GENERAL_BLOCK_TRANSFER:
            raise RemoteError("general block transfer was not negotiated")
        self._transfer.room = self._client_takes
        return self._transfer.take_request(block, sealed=self._global is not None, busy=self.busy)

    def _open(self, apdu: bytes) -> bytes:
        if self._global is None:
            return apdu
        tag = apdu[0]
        cipher: Protection | EndToEnd = self._global
        for other in (self._dedicated, self._end_to_end):
            if other is not None and other.opens(tag):
                cipher = other
        plain = cipher.open(apdu)
        cipher.general = tag in _GENERAL
        self._cipher = cipher
        return plain

    def _take_plain(self, apdu: Apdu) -> None:
        if self.state is State.AUTHENTICATING:
            self._take_proof(apdu)
            return
        if self.state is State.REQUESTING:
            raise RemoteError("a request while another one is served")
        step = self._blocks.take(apdu)
        if step is None:
            return
        if isinstance(step, bytes):
            self._transmit(step)
            return
        self._take_request(step)

    def _take_request(self, apdu: object) -> None:
        if type(apdu) not in SERVICES:
            raise RemoteError(f"{type(apdu).__name__} is no request")
        prepared = prepare(apdu)  # type: ignore[arg-type]
        if prepared.needs & ~self.conformance:
            missing = Conformance(prepared.needs & ~self.conformance)
            self._refuse(RemoteError(f"not negotiated: {', '.join(missing.names)}"), _NOT_SUPPORTED)
            return
        if prepared.confirmed:
            self._request = prepared.request
            self.state = theirs(SERVER, self.state, Event.REQUEST)
        self._events(RequestReceived(self._client_sap, apdu, prepared.confirmed))

    # AARQ and HLS

    def _take_aarq(self, octets: bytes) -> None:
        if self.state is not State.IDLE:
            raise RemoteError("a second AARQ in one association")
        try:
            aarq = decode(octets)
            assert isinstance(aarq, Aarq)
            admitted = admission.admit(self._parameters, self._global, aarq)
        except admission.Inadmissible as fault:
            self._reject(RemoteError(str(fault)), admission.rejecting(self._parameters, self._global, fault))
            return
        except RemoteError as fault:
            self._reject(fault, self._rejection(fault))
            return
        self._admit(admitted)

    def _rejection(self, fault: RemoteError) -> bytes | None:
        match self._parameters.refusal:
            case Refusal.AARE:
                return admission.rejecting(self._parameters, self._global, fault)
            case Refusal.EXCEPTION:
                return encode(self._security_answer(fault) or _NOT_POSSIBLE)
            case Refusal.SILENCE:
                return None

    def _reject(self, fault: RemoteError, answer: bytes | None) -> None:
        self.state = theirs(SERVER, self.state, Event.REJECTED)
        if answer is not None:
            self._send(answer)
        self._events(RequestRefused(self._client_sap, fault))

    def _admit(self, admitted: admission.Admission) -> None:
        self._admission = admitted
        self.conformance = admitted.conformance
        security = self._parameters.security
        if admitted.dedicated_key is not None and security is not None and self._counter is not None:
            dedicated = KeyContext(admitted.dedicated_key, security.keys.authentication_key)
            self._dedicated = Protection(security, self._counter, dedicated=dedicated, general=False)
            self._dedicated.learn(admitted.client_system_title)
            self._cipher = self._dedicated
        if self._end_to_end is not None:
            self._end_to_end.learn(admitted.client_system_title)
        hls_follows = admitted.server_challenge is not None
        self.state = theirs(SERVER, self.state, Event.CHALLENGED if hls_follows else Event.ACCEPTED)
        if admitted.response_allowed:
            self._send(admission.accepting(self._parameters, self._global, admitted))
        if not hls_follows:
            self._tell_opened(admitted)

    def _tell_opened(self, admitted: admission.Admission) -> None:
        self._events(
            AssociationOpened(
                self._client_sap, admitted.conformance, admitted.max_pdu_size, admitted.client_system_title
            )
        )

    def _take_proof(self, apdu: Apdu) -> None:
        admitted = self._admission
        assert admitted is not None
        assert admitted.server_challenge is not None
        if not (isinstance(apdu, ActionRequestNormal) and _replies_to_hls(apdu)):
            raise RemoteError(f"{apdu.NAME} before HLS is through")
        proof = hls.Proof(
            self._parameters,
            self._counter,
            admitted.client_system_title,
            sent=admitted.server_challenge,
            received=admitted.client_challenge,
        )
        try:
            if apdu.parameters is None:
                raise SecurityError("an empty answer to HLS")
            proof.check(apdu.parameters)
        except RemoteError as fault:
            self.state = theirs(SERVER, self.state, Event.DISPROVEN)
            self._transmit(encode(ActionResponseNormal(apdu.invoke, ActionResult.READ_WRITE_DENIED)))
            self._events(RequestRefused(self._client_sap, fault))
            self._tell_closed()
            return
        self.state = theirs(SERVER, self.state, Event.PROVEN)
        self._transmit(encode(ActionResponseNormal(apdu.invoke, ActionResult.SUCCESS, proof.ours())))
        self._tell_opened(admitted)

    # Release and end

    def _take_rlrq(self, octets: bytes) -> None:
        support = self._parameters.release
        rlrq = decode(octets)
        assert isinstance(rlrq, Rlrq)
        if support is ReleaseSupport.NONE:
            self._events(RequestRefused(self._client_sap, RemoteError("an RLRQ, which this server does not know")))
            return
        if support is ReleaseSupport.PLAIN_ONLY and rlrq.user_information:
            raise RemoteError("a ciphered RLRQ, which this server does not take")
        information = None
        if self._global is not None and rlrq.user_information:
            self._global.open(rlrq.user_information)
            initiate = encode(InitiateResponse(self.conformance, self._parameters.max_pdu_size))
            information = self._global.seal_as(GLO_INITIATE_RESPONSE, initiate)
        self.state = theirs(SERVER, self.state, Event.RELEASE)
        self._send(encode(Rlre(user_information=information)))
        self._tell_closed()

    def end(self, event: Event) -> None:
        """The association is over for a reason outside it: the stream ended, or a new AARQ came."""
        standing = self.state in (State.ASSOCIATED, State.REQUESTING, State.AUTHENTICATING)
        self.state = ours(SERVER, self.state, event)
        if standing:
            self._tell_closed()

    def _tell_closed(self) -> None:
        self._request = None
        self._events(AssociationClosed(self._client_sap, self.last_received))

    # What is sent

    def respond(self, apdu: Apdu) -> None:
        """Answer the request that waits; `LocalError` if none does, or `apdu` is no answer to it."""
        request = self._request
        if request is None:
            raise LocalError("no request waits for an answer")
        octets = encode(apdu)
        if not isinstance(apdu, (ExceptionResponse, ConfirmedServiceError)):
            _check_answer(request, octets, apdu)
        state = ours(SERVER, self.state, Event.RESPONSE)
        self._answer(apdu, octets)
        self.state = state
        self._request = None

    def notify(self, apdu: Notification) -> None:
        """Send a notification; `LocalError` if no association stands or it is too long."""
        state = ours(SERVER, self.state, Event.UNCONFIRMED)
        plain = encode(apdu)
        room = self._room_for(plain[0])
        if len(plain) > room:
            raise LocalError(f"{apdu.NAME} of {len(plain)} octets: the client takes {room}")
        self._transmit(plain)
        self.state = state

    def _answer(self, apdu: Apdu, octets: bytes) -> None:
        if isinstance(apdu, (ExceptionResponse, ConfirmedServiceError)):
            self._blocks.forget()
            self._send(octets)
            return
        if self._general_answer:
            self._transfer.answer(self._sealed(octets))
            return
        step = self._blocks.answer(apdu, octets, self._room_for(octets[0]), self.conformance)
        if step is not None:
            self._transmit(step)
        elif self.conformance & Conformance.GENERAL_BLOCK_TRANSFER:
            self._transfer.forget()
            self._transfer.room = self._client_takes
            self._transfer.answer(self._sealed(octets))
        else:
            self._send(encode(_TOO_LONG))

    def _transmit(self, plain: bytes) -> None:
        self._send(self._sealed(plain))

    def _sealed(self, plain: bytes) -> bytes:
        return plain if self._cipher is None else self._cipher.seal(plain)

    def _refuse(self, error: RemoteError, answer: ExceptionResponse | None) -> None:
        if answer is not None:
            self._send(encode(answer))
        self._events(RequestRefused(self._client_sap, error))

    def _security_answer(self, error: RemoteError) -> ExceptionResponse | None:
        """What meters say to a wrong key, counter or envelope: the short no, or the exact one of newer editions."""
        match self._parameters.refusal:
            case Refusal.AARE:
                return _NOT_POSSIBLE
            case Refusal.SILENCE:
                return None
            case Refusal.EXCEPTION:
                if isinstance(error, CounterError):
                    return ExceptionResponse(
                        StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, self.last_received + 1
                    )
                return ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.DECIPHERING_ERROR)


def _replies_to_hls(apdu: ActionRequestNormal) -> bool:
    """Whether it is method 1 of the current association, by whichever logical name of it."""
    method = apdu.method
    return (method.class_id, method.method) == (REPLY_TO_HLS.class_id, REPLY_TO_HLS.method) and (
        method.instance.octets[:4] == REPLY_TO_HLS.instance.octets[:4]
    )


def _check_answer(request: Request, octets: bytes, apdu: Apdu) -> None:
    answer = SERVICES[type(request)].answer
    if octets[0] != answer:
        raise LocalError(f"{apdu.NAME} is no answer to {request.NAME}")
