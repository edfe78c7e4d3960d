"""A client's connection to one meter: octets in, events out; requests in, octets out."""

from collections.abc import Callable
from typing import ClassVar, Final

from attrs import evolve

from headend.dlms.apdu import (
    AccessRequest,
    GeneralBlockTransfer,
    Rlre,
    decode,
)
from headend.dlms.association import CLIENT, Event, State, ours, theirs
from headend.dlms.blocks.services import LongRequest
from headend.dlms.connection import initiation
from headend.dlms.connection.client_standing import ClientEvent, ClientStanding
from headend.dlms.connection.events import Associated, AssociationRejected, Released
from headend.dlms.connection.exchange import Exchange
from headend.dlms.connection.parameters import Farewell
from headend.dlms.connection.services import (
    INVOKE_ID,
    PreparedRequest,
    Request,
    prepare,
)
from headend.dlms.connection.transfer import GeneralTransfer
from headend.dlms.enumerations import Conformance
from headend.dlms.errors import DecodeError, LocalError, RemoteError

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
#: Members of enumerations that every session needs: looked up in their class they take 0.15 us each time (3.11).
_BROKEN: Final = State.BROKEN
_ASSOCIATED: Final = State.ASSOCIATED
_RELEASING: Final = State.RELEASING
_ASSOCIATE: Final = Event.ASSOCIATE
_REQUEST: Final = Event.REQUEST
_RELEASE: Final = Event.RELEASE
_HANG_UP: Final = Farewell.HANG_UP
_CHALLENGED: Final = Event.CHALLENGED
_PROVEN: Final = Event.PROVEN
_RELEASE_ANSWERED: Final = Event.RELEASE_ANSWERED


class ClientConnection(ClientStanding):
    """One association with one meter, used once.

    Give it every octet that arrives (`receive`), send what `take_output` holds after each call, and tell it of the
    stream's end (`receive_eof`). `RemoteError` from any of these means that the peer broke the rules: the state is
    BROKEN, nothing more is believed and no more output is given. Events that came before the fault are given first, the
    fault with the next call. Values of answers are decoded when asked for, which may then raise `DecodeError`.
    """

    __slots__ = ()

    def associate(self) -> None:
        """Queue the link's set-up, where there is one, and the AARQ."""
        state = ours(CLIENT, self._state, _ASSOCIATE)
        aarq = self._opening.aarq()
        if not self._framing.connected:
            self._framing.connect()
        self._wrap(aarq)
        self._state = state

    def send(self, request: Request | PreparedRequest) -> None:
        """Queue one request; its answer comes as an event if it is confirmed.

        `LocalError` when another one is outstanding, when the meter did not agree to what it needs, or when it is too
        long for the meter and can't be cut; nothing was sent then.
        """
        if self._state is not _ASSOCIATED:
            if self._fault is not None:
                raise self._fault
            ours(CLIENT, self._state, _REQUEST)
        prepared = request if isinstance(request, PreparedRequest) else prepare(request)
        if self._invoke_shift:
            prepared = self._shifted(prepared)
        _, octets, needs, _, _, confirmed = prepared
        if needs & self._lacking:
            missing = Conformance(needs & self._lacking)
            raise LocalError(f"the meter did not agree to {', '.join(missing.names)}")
        if self._transfer is not None:
            self._transfer.forget()
        long = None
        if len(octets) <= self._room or len(octets) <= self._room_for(octets[0]):
            self._wrap(octets if self._cipher is None else self._cipher.seal(octets))
        else:
            long = self._send_cut(prepared)
        if confirmed:
            self._exchange = Exchange(prepared, self._largest_joined, long)
            self._state = _ASKED

    def release(self) -> bool:
        """Queue the RLRQ; whether an answer (`Released`) is to be waited for."""
        if self._fault is not None:
            raise self._fault
        state = ours(CLIENT, self._state, _RELEASE)
        if self._parameters.farewell is _HANG_UP:
            self._framing.disconnect()
            self._state = ours(CLIENT, state, _RELEASE_ANSWERED)
            return False
        self._wrap(self._opening.rlrq())
        self._state = state
        return True

    def receive(self, octets: bytes) -> list[ClientEvent]:
        """The events that `octets` complete; may queue output. See the class for when it raises."""
        if self._state is _BROKEN:
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
        if self._state is _BROKEN:
            return self._broken()
        events: list[ClientEvent] = []
        self._events = events
        try:
            for apdu in self._framing.timeout():
                self._steps[self._state](self, apdu)
            if self._state < State.RELEASED and self._transfer is not None:
                self._transfer.ask_again()
        except RemoteError as fault:
            self._break(fault)
        return events

    def receive_eof(self) -> list[ClientEvent]:
        """The stream ended; `RemoteError` if something was outstanding, and `Released` if only the RLRE was."""
        if self._fault is not None:
            raise self._fault
        state = self._state
        if state is _RELEASING:
            self._state = ours(CLIENT, state, _RELEASE_ANSWERED)
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
        if self._state is _BROKEN:
            self.take_output = bytes
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
        self._general_transfer().start(plain if self._cipher is None else self._cipher.seal(plain))
        return None

    def _general_transfer(self) -> GeneralTransfer:
        """Made late: hardly any association has one."""
        transfer = self._transfer
        if transfer is None:
            parameters = self._parameters
            transfer = GeneralTransfer(self._wrap, limit=parameters.largest_joined, window=parameters.window)
            transfer.room = self._max_pdu_size
            self._transfer = transfer
        return transfer

    def _shifted(self, prepared: PreparedRequest) -> PreparedRequest:
        request = prepared.request
        if isinstance(request, AccessRequest):
            return prepare(evolve(request, long_invoke=request.long_invoke ^ self._invoke_shift))
        return prepare(evolve(request, invoke=request.invoke ^ self._invoke_shift))

    # What comes in

    def _take_aare(self, apdu: bytes) -> None:
        outcome = self._opening.take_aare(apdu)
        if isinstance(outcome, AssociationRejected):
            self._refuse(outcome, Event.REJECTED)
            return
        self._conformance, self._max_pdu_size, challenge = outcome
        self._lacking = ~int(self._conformance)
        self._room = self._room_for(_NO_TAG)
        if challenge is None:
            self._state = theirs(CLIENT, self._state, Event.ACCEPTED)
            self._tell_associated()
        else:
            self._state = theirs(CLIENT, self._state, _CHALLENGED)
            self._transmit(self._opening.prove(challenge))

    def _take_proof(self, apdu: bytes) -> None:
        rejection = self._opening.take_proof(apdu)
        if rejection is not None:
            self._refuse(rejection, Event.DISPROVEN)
            return
        self._state = theirs(CLIENT, self._state, _PROVEN)
        self._tell_associated()

    def _refuse(self, rejection: AssociationRejected, event: Event) -> None:
        self._state = theirs(CLIENT, self._state, event)
        self._framing.disconnect()
        self._events.append(rejection)

    def _tell_associated(self) -> None:
        self._events.append(Associated(self._conformance, self._max_pdu_size, self._opening.title))

    def _take_service(self, apdu: bytes) -> None:
        tag = apdu[0]
        if tag == _GENERAL_BLOCK:
            block = decode(apdu)
            assert isinstance(block, GeneralBlockTransfer)
            joined = self._general_transfer().take(block)
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
        if self._state is _RELEASING:
            self._tell_released(confirmed=False)
            return
        self._state = theirs(CLIENT, self._state, Event.RESPONSE)
        self._exchange = None
        if not protected:
            # Anybody may have said this, and the true answer may still come: it must not pass for the next one's.
            self._invoke_shift = (self._invoke_shift + 1) & INVOKE_ID
        self._events.append(decode(apdu))  # type: ignore[arg-type]

    def _take_release(self, apdu: bytes) -> None:
        tag = apdu[0]
        if tag == _RLRE:
            answer = initiation.read_rlre(apdu) or decode(apdu)
            assert isinstance(answer, Rlre)
            self._tell_released(confirmed=self._opening.proves_release(answer.user_information))
        elif tag in _NEVER_PROTECTED:
            self._tell_released(confirmed=False)
        else:
            self._take_service(apdu)  # a notification that crossed the RLRQ

    def _tell_released(self, *, confirmed: bool) -> None:
        self._state = theirs(CLIENT, self._state, _RELEASE_ANSWERED)
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
        _ASSOCIATED: _take_service,
        State.REQUESTING: _take_service,
        _RELEASING: _take_release,
        State.RELEASED: _pass_over,
        State.REFUSED: _pass_over,
        _BROKEN: _pass_over,
        State.CLOSED: _pass_over,
    }
