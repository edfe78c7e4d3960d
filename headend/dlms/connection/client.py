"""A client's connection to one meter: octets in, events out; requests in, octets out."""

from collections.abc import Callable
from typing import ClassVar, Final

from attrs import evolve

from headend.dlms.apdu import (
    Aare,
    AccessRequest,
    ActionResponseNormal,
    ConfirmedServiceError,
    ExceptionResponse,
    GeneralBlockTransfer,
    Rlre,
    decode,
)
from headend.dlms.association import CLIENT, Event, State, ours, theirs
from headend.dlms.axdr import EncodedData
from headend.dlms.blocks import GeneralBlocks
from headend.dlms.blocks.general import OVERHEAD as GENERAL_OVERHEAD
from headend.dlms.blocks.services import LongRequest
from headend.dlms.connection import handshake, hls, initiation
from headend.dlms.connection.counters import InvocationCounter
from headend.dlms.connection.end_to_end import EndToEnd
from headend.dlms.connection.events import Associated, AssociationRejected, Released
from headend.dlms.connection.exchange import Answer, Exchange
from headend.dlms.connection.parameters import Ciphering, ClientParameters, Farewell
from headend.dlms.connection.protection import Protection, end_to_end_of
from headend.dlms.connection.services import (
    INVOKE_ID,
    Notification,
    PreparedRequest,
    Request,
    prepare,
)
from headend.dlms.enumerations import Conformance, UserDiagnostic
from headend.dlms.errors import DecodeError, LocalError, RemoteError, SecurityError
from headend.dlms.framing import Framing
from headend.dlms.security import KeyContext

ClientEvent = (
    Associated | AssociationRejected | Released | Answer | Notification | ExceptionResponse | ConfirmedServiceError
)

_EXCEPTION: Final = 0xD8
_SERVICE_ERROR: Final = 0x0E
_GENERAL_BLOCK: Final = 0xE0
_RLRE: Final = 0x63
#: No APDU begins so: stands for the one whose envelope is the longest.
_NO_TAG: Final = -1
_NOTIFICATIONS: Final = frozenset((0x0F, 0xC2))
#: These come in clear even where all else is protected, so that a meter without our keys can say no. They carry no
#: value, and nothing that matters may rest on them.
_NEVER_PROTECTED: Final = frozenset((_EXCEPTION, _SERVICE_ERROR))


#: From the table once, as these are the steps taken most often.
_ASKED: Final = CLIENT[State.ASSOCIATED][Event.REQUEST]
_ANSWERED: Final = CLIENT[State.REQUESTING][Event.RESPONSE]
_NOTHING: Final = Conformance(0)
_GENERAL_PROTECTION: Final = int(Conformance.GENERAL_PROTECTION)


class ClientConnection:
    """One association with one meter, used once.

    Give it every octet that arrives (`receive`), send what `take_output` holds after each call, and tell it of the
    stream's end (`receive_eof`). `RemoteError` from any of these means that the peer broke the rules: the state is
    BROKEN, nothing more is believed and no more output is given. Events that came before the fault are given first, the
    fault with the next call. Values of answers are decoded when asked for, which may then raise `DecodeError`.
    """

    __slots__ = (
        "_blocks",
        "_cipher",
        "_conformance",
        "_counter",
        "_events",
        "_exchange",
        "_fault",
        "_feed",
        "_framing",
        "_global",
        "_invoke_shift",
        "_lacking",
        "_max_pdu_size",
        "_parameters",
        "_proof",
        "_room",
        "_state",
        "_title",
        "_wrap",
    )

    def __init__(self, parameters: ClientParameters, framing: Framing) -> None:
        handshake.check_parameters(parameters)
        self._parameters = parameters
        self._framing = framing
        self._feed = framing.feed
        self._wrap = framing.wrap
        self._state = State.IDLE
        self._fault: RemoteError | None = None
        self._events: list[ClientEvent] = []
        self._exchange: Exchange | None = None
        self._blocks: GeneralBlocks | None = None
        self._conformance = _NOTHING
        self._lacking = -1
        self._max_pdu_size = 0
        self._room = 0
        self._invoke_shift = 0
        self._proof: hls.Proof | None = None
        security = parameters.security
        self._title = None if security is None else security.peer_system_title
        self._counter = None if security is None else InvocationCounter(security.counters)
        self._global: Protection | None = None
        self._cipher: Protection | EndToEnd | None = None
        if security is not None and self._counter is not None and security.policy:
            general = security.ciphering.general
            self._global = self._cipher = Protection(security, self._counter, general=general)
            if security.ciphering.dedicated and parameters.dedicated_key is not None:
                dedicated = KeyContext(parameters.dedicated_key, security.keys.authentication_key)
                self._cipher = Protection(security, self._counter, dedicated=dedicated, general=general)
            elif security.ciphering is Ciphering.GENERAL_CIPHERING:
                self._cipher = end_to_end_of(security, self._counter)

    @property
    def state(self) -> State:
        """Where the association stands."""
        return self._state

    @property
    def conformance(self) -> Conformance:
        """The services that both ends have; none before the AARE."""
        return self._conformance

    @property
    def max_pdu_size(self) -> int:
        """How many octets the meter takes in one APDU; 0 before the AARE."""
        return self._max_pdu_size

    @property
    def last_received(self) -> int:
        """The meter's largest counter under its global key whose tag verified (-1: none yet)."""
        if self._global is not None:
            return self._global.last_received
        security = self._parameters.security
        return -1 if security is None else security.last_received

    @property
    def peer_system_title(self) -> bytes | None:
        """The meter's system title: pinned, or learned from its AARE."""
        return self._title

    @property
    def waiting(self) -> bool:
        """Whether a timer has to run for the link or for a general block transfer; see `timeout`."""
        return self._framing.waiting or (self._blocks is not None and not self._blocks.complete)

    def associate(self) -> None:
        """Queue the link's set-up, where there is one, and the AARQ."""
        state = ours(CLIENT, self._state, Event.ASSOCIATE)
        aarq = handshake.build_aarq(self._parameters, self._global)
        if not self._framing.connected:
            self._framing.connect()
        self._wrap(aarq)
        self._state = state

    def send(self, request: Request | PreparedRequest) -> None:
        """Queue one request; its answer comes as an event if it is confirmed.

        `LocalError` when another one is outstanding, when the meter did not agree to what it needs, or when it is too
        long for the meter and can't be cut; nothing was sent then.
        """
        if self._state is not State.ASSOCIATED:
            if self._fault is not None:
                raise self._fault
            ours(CLIENT, self._state, Event.REQUEST)
        prepared = request if isinstance(request, PreparedRequest) else prepare(request)
        if self._invoke_shift:
            prepared = self._shifted(prepared)
        _, octets, needs, _, _, confirmed = prepared
        if needs & self._lacking:
            missing = Conformance(needs & self._lacking)
            raise LocalError(f"the meter did not agree to {', '.join(missing.names)}")
        self._blocks = None
        long = None
        if len(octets) <= self._room or len(octets) <= self._room_for(octets[0]):
            self._wrap(octets if self._cipher is None else self._cipher.seal(octets))
        else:
            long = self._send_cut(prepared)
        if confirmed:
            self._exchange = Exchange(prepared, self._parameters.largest_joined, long)
            self._state = _ASKED

    def release(self) -> bool:
        """Queue the RLRQ; whether an answer (`Released`) is to be waited for."""
        if self._fault is not None:
            raise self._fault
        state = ours(CLIENT, self._state, Event.RELEASE)
        if self._parameters.farewell is Farewell.HANG_UP:
            self._framing.disconnect()
            self._state = ours(CLIENT, state, Event.RELEASE_ANSWERED)
            return False
        self._wrap(handshake.build_rlrq(self._parameters, self._global))
        self._state = state
        return True

    def take_output(self) -> bytes:
        """The octets to put on the wire now; they are forgotten here."""
        output = self._framing.take_output()
        return b"" if self._state is State.BROKEN else output

    def receive(self, octets: bytes) -> list[ClientEvent]:
        """The events that `octets` complete; may queue output. See the class for when it raises."""
        if self._state is State.BROKEN:
            return self._broken()
        events: list[ClientEvent] = []
        self._events = events
        try:
            for apdu in self._feed(octets):
                if not apdu:
                    raise DecodeError("an empty APDU", 0)
                self._steps[self._state](self, apdu)
        except RemoteError as fault:
            self._break(fault)
        return events

    def timeout(self) -> list[ClientEvent]:
        """The timer that `waiting` asks for ran out: ask again for what was lost. As `receive`."""
        if self._state is State.BROKEN:
            return self._broken()
        events: list[ClientEvent] = []
        self._events = events
        try:
            for apdu in self._framing.timeout():
                self._steps[self._state](self, apdu)
            if self._blocks is not None and not self._blocks.complete and self._state < State.RELEASED:
                self._send_burst(self._blocks)
        except RemoteError as fault:
            self._break(fault)
        return events

    def receive_eof(self) -> list[ClientEvent]:
        """The stream ended; `RemoteError` if something was outstanding, and `Released` if only the RLRE was."""
        if self._fault is not None:
            raise self._fault
        state = self._state
        if state is State.RELEASING:
            self._state = ours(CLIENT, state, Event.RELEASE_ANSWERED)
            return [Released(confirmed=False)]
        self._state = ours(CLIENT, state, Event.END)
        self._exchange = None
        if state in (State.ASSOCIATING, State.AUTHENTICATING, State.REQUESTING):
            raise RemoteError(f"the meter closed the connection while {state.name.lower()}")
        return []

    def _broken(self) -> list[ClientEvent]:
        if self._fault is not None:
            raise self._fault
        return []

    def _break(self, fault: RemoteError) -> None:
        """Nothing more is believed; what came before the fault is given first."""
        self._state = theirs(CLIENT, self._state, Event.FAULT)
        self._exchange = None
        if not self._events:
            raise fault
        self._fault = fault

    # What is sent

    def _transmit(self, plain: bytes) -> None:
        self._wrap(plain if self._cipher is None else self._cipher.seal(plain))

    def _room_for(self, tag: int) -> int:
        """How many plain octets of an APDU that begins with `tag` the meter takes."""
        return self._max_pdu_size - (0 if self._cipher is None else self._cipher.overhead(tag))

    def _send_cut(self, prepared: PreparedRequest) -> LongRequest | None:
        """Send the first block: of the service itself, which is returned for the others, or of a general transfer."""
        plain = prepared.octets
        if prepared.block & ~self._lacking:
            long = LongRequest(prepared.request, self._room_for(plain[0]))  # type: ignore[arg-type]
            self._transmit(long.take())
            return long
        if not self._conformance & Conformance.GENERAL_BLOCK_TRANSFER:
            raise LocalError(f"{prepared.request.NAME} of {len(plain)} octets: the meter takes no blocks of it")
        blocks = self._new_blocks()
        blocks.load(plain if self._cipher is None else self._cipher.seal(plain))
        self._blocks = blocks
        self._send_burst(blocks)
        return None

    def _new_blocks(self) -> GeneralBlocks:
        return GeneralBlocks(
            room=max(1, self._max_pdu_size - GENERAL_OVERHEAD),
            limit=self._parameters.largest_joined,
            window=self._parameters.window,
        )

    def _send_burst(self, blocks: GeneralBlocks) -> None:
        for block in blocks.burst():
            self._wrap(block.encode())

    def _shifted(self, prepared: PreparedRequest) -> PreparedRequest:
        request = prepared.request
        if isinstance(request, AccessRequest):
            return prepare(evolve(request, long_invoke=request.long_invoke ^ self._invoke_shift))
        return prepare(evolve(request, invoke=request.invoke ^ self._invoke_shift))

    # What comes in

    def _take_aare(self, apdu: bytes) -> None:
        answer = initiation.read_aare(apdu) or decode(apdu)
        match answer:
            case Aare():
                outcome = handshake.check_aare(self._parameters, self._global, answer)
            case ExceptionResponse():
                outcome = handshake.rejected_by_exception(answer)
            case ConfirmedServiceError():
                outcome = handshake.rejected_by_service_error(answer)
            case _:
                raise RemoteError(f"{answer.NAME} where an AARE was due")
        if isinstance(outcome, AssociationRejected):
            self._refuse(outcome, Event.REJECTED)
            return
        assert isinstance(answer, Aare)
        self._title = handshake.learned_title(self._parameters, answer.responding_ap_title)
        self._conformance = outcome.conformance
        self._lacking = ~int(outcome.conformance)
        self._max_pdu_size = outcome.max_pdu_size
        if self._cipher is not None:
            self._cipher.learn(self._title)
            if self._lacking & _GENERAL_PROTECTION:
                self._do_without_general_protection(self._cipher)
        self._room = self._room_for(_NO_TAG)
        if outcome.challenge is None:
            self._state = theirs(CLIENT, self._state, Event.ACCEPTED)
            self._tell_associated()
        else:
            self._state = theirs(CLIENT, self._state, Event.CHALLENGED)
            self._prove(outcome.challenge)

    def _do_without_general_protection(self, cipher: Protection | EndToEnd) -> None:
        """The service-specific envelope proves the same under the same key; general-ciphering has no such twin."""
        if isinstance(cipher, EndToEnd):
            raise RemoteError("the meter did not agree to general protection, which general-ciphering is")
        cipher.general = False

    def _refuse(self, rejection: AssociationRejected, event: Event) -> None:
        self._state = theirs(CLIENT, self._state, event)
        self._framing.disconnect()
        self._events.append(rejection)

    def _tell_associated(self) -> None:
        self._events.append(Associated(self._conformance, self._max_pdu_size, self._title))

    def _prove(self, challenge: bytes) -> None:
        self._proof = hls.Proof(
            self._parameters, self._counter, self._title, sent=self._parameters.challenge, received=challenge
        )
        self._transmit(handshake.build_hls_reply(self._proof.ours()))

    def _take_proof(self, apdu: bytes) -> None:
        for protection in (self._cipher, self._global):
            if protection is not None and protection.opens(apdu[0]):
                apdu = protection.open(apdu)
                break
        answer = handshake.read_hls_answer(apdu)
        match answer:
            case ActionResponseNormal():
                self._check_proof(answer)
            case ExceptionResponse():
                self._refuse(handshake.rejected_by_exception(answer), Event.DISPROVEN)
            case ConfirmedServiceError():
                self._refuse(handshake.rejected_by_service_error(answer), Event.DISPROVEN)
            case _:
                raise RemoteError(f"{answer.NAME} before the meter has proven itself")

    def _check_proof(self, answer: ActionResponseNormal) -> None:
        if (answer.invoke ^ handshake.HLS_INVOKE) & INVOKE_ID:
            raise RemoteError(f"answer to invoke-id {answer.invoke & INVOKE_ID}, which was not asked")
        if answer.result:
            text = f"authentication refused by the meter ({answer.result.text})"
            rejection = AssociationRejected(text, diagnostic=UserDiagnostic.AUTHENTICATION_FAILURE)
            self._refuse(rejection, Event.DISPROVEN)
            return
        if not isinstance(answer.returned, EncodedData):
            raise SecurityError("the meter did not prove itself: its answer to HLS is empty")
        assert self._proof is not None
        self._proof.check(answer.returned)
        self._state = theirs(CLIENT, self._state, Event.PROVEN)
        self._tell_associated()

    def _take_service(self, apdu: bytes) -> None:
        tag = apdu[0]
        if tag == _GENERAL_BLOCK:
            joined = self._take_block(apdu)
            if joined is None:
                return
            apdu = joined
            tag = apdu[0]
        cipher = self._cipher
        protected = True
        if cipher is not None:
            if tag in _NEVER_PROTECTED:
                protected = False
            else:
                apdu = cipher.open(apdu)
                tag = apdu[0]
        exchange = self._exchange
        if exchange is not None and tag == exchange.answer_tag:
            answer = exchange.take_octets(apdu)
            if isinstance(answer, bytes):
                self._wrap(answer if cipher is None else cipher.seal(answer))
            else:
                self._exchange = None
                self._state = _ANSWERED
                self._events.append(answer)
        elif tag in _NEVER_PROTECTED:
            self._take_refusal(apdu, protected=protected)
        elif tag in _NOTIFICATIONS:
            self._events.append(decode(apdu))  # type: ignore[arg-type]
        else:
            raise RemoteError(f"APDU {tag:02x} answers nothing that was asked")

    def _take_refusal(self, apdu: bytes, *, protected: bool) -> None:
        if self._state is State.RELEASING:
            self._tell_released(confirmed=False)
            return
        self._state = theirs(CLIENT, self._state, Event.RESPONSE)
        self._exchange = None
        if not protected:
            # Anybody may have said this, and the true answer may still come: it must not pass for the next one's.
            self._invoke_shift = (self._invoke_shift + 1) & INVOKE_ID
        self._events.append(decode(apdu))  # type: ignore[arg-type]

    def _take_block(self, apdu: bytes) -> bytes | None:
        block = decode(apdu)
        assert isinstance(block, GeneralBlockTransfer)
        blocks = self._blocks
        if blocks is None or (blocks.complete and block.block_number == 1 and block.data):
            blocks = self._blocks = self._new_blocks()
        was_complete = blocks.complete
        ours_now = blocks.take(block)
        if blocks.complete and not was_complete:
            return blocks.join() or None
        if ours_now:
            self._send_burst(blocks)
        return None

    def _take_release(self, apdu: bytes) -> None:
        tag = apdu[0]
        if tag == _RLRE:
            self._tell_released(confirmed=self._is_release(initiation.read_rlre(apdu) or decode(apdu)))
        elif tag in _NEVER_PROTECTED:
            self._tell_released(confirmed=False)
        else:
            self._take_service(apdu)  # a notification that crossed the RLRQ

    def _is_release(self, answer: object) -> bool:
        """Whether `answer` proves what it can: nothing rests on it, so a proof that fails is no fault."""
        assert isinstance(answer, Rlre)
        if self._global is None or not answer.user_information:
            return True
        try:
            self._global.open(answer.user_information)
        except RemoteError:
            return False
        return True

    def _tell_released(self, *, confirmed: bool) -> None:
        self._state = theirs(CLIENT, self._state, Event.RELEASE_ANSWERED)
        self._framing.disconnect()
        self._events.append(Released(confirmed))

    def _take_unasked(self, apdu: bytes) -> None:
        raise RemoteError(f"the meter sent APDU {apdu[0]:02x} before it was asked")

    def _pass_over(self, apdu: bytes) -> None:
        """What comes after the end is nobody's."""

    _steps: ClassVar[dict[State, Callable[["ClientConnection", bytes], None]]] = {
        State.IDLE: _take_unasked,
        State.ASSOCIATING: _take_aare,
        State.AUTHENTICATING: _take_proof,
        State.ASSOCIATED: _take_service,
        State.REQUESTING: _take_service,
        State.RELEASING: _take_release,
        State.RELEASED: _pass_over,
        State.REFUSED: _pass_over,
        State.BROKEN: _pass_over,
        State.CLOSED: _pass_over,
    }
