"""EndDeviceControls without their transport: acknowledged at once, answered when every relay is read back."""

import hashlib
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog
from attrs import Factory, define, evolve

from headend.app.switching import command_from_outside
from headend.app.wiring import Headend
from headend.commands.journal import RefusedByRule
from headend.commands.model import NewCommand, State, Target
from headend.errors import HeadendError
from headend.interchange.cim.message import Control, ControlRequest, Fault, Header, MessageRefused, Result
from headend.interchange.cim.names import Switch
from headend.interchange.cim.reading import read_controls
from headend.interchange.cim.writing import answer
from headend.session.ports import Now
from headend.storage.errors import ExchangeConflict
from headend.storage.interchange import Asked, Exchange, TakenControl

#: How far a sender's clock may be ahead of ours before its disconnects are not believed.
_AHEAD: Final = timedelta(minutes=5)
_OK, _BAD, _CONFLICT, _TRY_AGAIN = 200, 400, 409, 503
_TARGETS: Final = {Switch.CONNECT: Target.CONNECTED, Switch.DISCONNECT: Target.DISCONNECTED}

_log = structlog.get_logger()


@define(eq=False)
class CimDesk:
    """Takes EndDeviceControls, by whatever way they come; a message counts once by its Source and MessageID."""

    headend: Headend
    now: Now = Factory(lambda self: self.headend.clock.now, takes_self=True)

    async def handle(self, body: bytes, by: str) -> tuple[int, bytes]:
        """Status and ResponseMessage of the answer to a message that `by` brought; never raises for what it holds.

        200 it was taken (Result OK or PARTIAL; FAILED where a rule refused every control), 400 it can't be taken, 409
        its id was another message's, 503 try again. A message that comes again is answered with where it stands.
        """
        try:
            asked = read_controls(body)
        except MessageRefused as refusal:
            _log.warning("message refused", code=refusal.code, by=by)
            return _BAD, answer(self._header(), Result.FAILED, [Fault(refusal.code, str(refusal))])
        try:
            exchange, _ = await self._take(asked, body, by)
        except ExchangeConflict as conflict:
            return _CONFLICT, self._refused(asked, "message_id_taken", conflict)
        except HeadendError as error:
            return _TRY_AGAIN, self._refused(asked, "try_again", error)
        return _OK, self.told(exchange)

    def told(self, exchange: Exchange) -> bytes:
        """Where a message stands: its final answer once every relay was read back, an acknowledgement before."""
        result, faults = outcome(exchange) if exchange.ended else _acknowledged(exchange)
        return answer(self._header(exchange.correlation_id), result, faults, _controls(exchange))

    async def _take(self, asked: ControlRequest, body: bytes, by: str) -> tuple[Exchange, bool]:
        header, moment = asked.header, self.now()
        taken = Asked(
            source=header.source,
            message_id=header.message_id,
            digest=hashlib.sha256(body).digest(),
            correlation_id=header.correlation_id,
            reply_address=header.reply_address,
            asked_by=by,
        )

        def command_of(control: Control) -> NewCommand:
            return self._command(control, header)

        return await self.headend.store.exchanges.take(taken, asked.controls, command_of, moment)

    def _command(self, control: Control, header: Header) -> NewCommand:
        moment, target = self.now(), _TARGETS[control.switch]
        reason = control.reason or f"message {header.message_id}"
        cause = f"{header.source}:{header.message_id}"
        new = command_from_outside(self.headend, control.meter, target, reason, header.source, cause, moment)
        if target is Target.CONNECTED:
            return new
        if header.timestamp > moment + _AHEAD:
            raise RefusedByRule(f"meter {control.meter}: the message is from the future; nothing is cut on its word")
        expires_at = header.timestamp + self.headend.setup.policy.command_expiry
        if expires_at <= moment:
            raise RefusedByRule(f"meter {control.meter}: the message is too old; nothing is cut on its word any more")
        return evolve(new, expires_at=min(expires_at, new.expires_at))

    def _refused(self, asked: ControlRequest, code: str, error: HeadendError) -> bytes:
        header = self._header(asked.header.correlation_id)
        return answer(header, Result.FAILED, [Fault(code, str(error))], asked.controls)

    def _header(self, correlation_id: str = "") -> Header:
        source, message_id = self.headend.setup.settings.document.cim.source, str(uuid4())
        return Header("reply", "EndDeviceControls", self.now(), source, message_id, correlation_id or message_id)


def outcome(exchange: Exchange) -> tuple[Result, list[Fault]]:
    """The final result, and an error for each control that did not end as it was asked for."""
    faults = [fault for control in exchange.controls if (fault := _fault(control)) is not None]
    return _result(faults, exchange), faults


def _acknowledged(exchange: Exchange) -> tuple[Result, list[Fault]]:
    """What is known before relays are read back: what rules refused, and what waits for a person."""
    faults = [fault for control in exchange.controls if control.ended and (fault := _fault(control)) is not None]
    waiting = [
        Fault("waits_for_person", control.note, control.control.meter, "INFORM")
        for control in exchange.controls
        if control.command is not None and control.command.state is State.QUARANTINED
    ]
    return _result(faults, exchange), [*faults, *waiting]


def _result(faults: list[Fault], exchange: Exchange) -> Result:
    if not faults:
        return Result.OK
    return Result.FAILED if len(faults) == len(exchange.controls) else Result.PARTIAL


def _fault(control: TakenControl) -> Fault | None:
    meter, command = control.control.meter, control.command
    if command is None:
        return Fault(control.code or "refused", control.refused or "", meter)
    if command.state is State.CONFIRMED:
        return None
    return Fault(f"command_{command.state.value}", control.note or command.state.value, meter)


def _controls(exchange: Exchange) -> list[Control]:
    return [taken.control for taken in exchange.controls]
