r"""Opening of an optical or serial port before HDLC (IEC 62056-21 protocol mode E), both roles, without clock or port.

    300 7E1   client  /?!
    300 7E1   meter   /HDE5\2METER-1     5: up to 9600 baud, \2: HDLC is spoken
    300 7E1   client  ACK 2 5 2           HDLC, at 9600 baud
    9600 7E1  meter   ACK 2 5 2           at the new rate, still with parity
    9600 8N1  HDLC

Each side is a list of steps: octets to send, seconds to be quiet, settings of the line to change to once all is sent.
"""

import re
from collections import deque

from attrs import frozen

from headend.dlms.errors import LocalError, RemoteError

#: Rates and the characters that mean them (IEC 62056-21 6.3.14).
_BAUD_CHARACTERS = {300: "0", 600: "1", 1200: "2", 2400: "3", 4800: "4", 9600: "5", 19200: "6"}
_BAUD_RATES = {character: rate for rate, character in _BAUD_CHARACTERS.items()}

#: Reaction time: at least 200 ms, at most 1500 ms from the end of one message to the next (IEC 62056-21 6.3.15).
_SHORTEST_REACTION = 0.2
_LONGEST_REACTION = 1.5

#: Longest message with room to spare: an identification has 2 + 3 + 1 + 2 + 16 + 2 octets, a request 32 of address.
_MOST_HELD = 128

_IDENTIFICATION = re.compile(rb"/([A-Za-z]{3})([\x21-\x7e])((?:\\[\x20-\x7e])*)([^\\\r\n/!]{0,16})\r\n")
_REQUEST = re.compile(rb"/\?([0-9A-Za-z ]{0,32})!\r\n")
_OPTION = re.compile(rb"\x06(.)(.)(.)\r\n")
_HDLC_OFFERED = b"\\2"


@frozen
class LineSetting:
    """How the line is to be set; one stop bit."""

    baud: int
    data_bits: int
    parity: str


_START = LineSetting(300, 7, "even")

Step = bytes | float | LineSetting


@frozen
class Identification:
    """What a meter says of itself before anything is protected: nothing to rest a decision on."""

    manufacturer: str
    fastest: int
    text: str


class _Opening:
    def __init__(self) -> None:
        self.done = False
        self._steps: deque[Step] = deque()
        self._held = b""

    def next_step(self) -> Step | None:
        """What to do now: octets to send, seconds to be quiet, settings to change to; None: wait for the other side."""
        return self._steps.popleft() if self._steps else None

    def _hold(self, octets: bytes) -> None:
        """Keep what came, without parity bits: a head that doesn't strip them leaves them in the eighth bit."""
        self._held = (self._held + bytes(octet & 0x7F for octet in octets[-_MOST_HELD:]))[-_MOST_HELD:]

    def _finish(self, baud: int) -> None:
        self._steps.append(LineSetting(baud, 8, "none"))
        self._held = b""
        self.done = True


class ModeEClient(_Opening):
    """The reading side. `device_address` names one meter of several on the line, `fastest` limits the rate.

    `reaction` is how long it is quiet before it answers, in seconds.
    """

    def __init__(
        self, device_address: str = "", fastest: int = 19200, *, attempts: int = 3, reaction: float = _SHORTEST_REACTION
    ) -> None:
        super().__init__()
        self.identification: Identification | None = None
        self._request = f"/?{device_address}!\r\n".encode("ascii", "replace")
        if not _REQUEST.fullmatch(self._request):
            raise LocalError(f"mode E address {device_address!r}: up to 32 letters, digits and spaces")
        if fastest not in _BAUD_CHARACTERS:
            raise LocalError(f"mode E has no rate {fastest}; it has {', '.join(map(str, _BAUD_CHARACTERS))}")
        self._fastest = fastest
        self._attempts = attempts
        self._reaction = reaction
        self._baud = 0
        self._steps += (_START, self._request)

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the meter before `timeout`: its longest reaction, and the time its message takes."""
        return _LONGEST_REACTION + _MOST_HELD * 10 / (self._baud or _START.baud)

    def feed(self, octets: bytes) -> None:
        """Take what came; RemoteError where the meter does not speak HDLC here."""
        if self.done:
            return
        self._hold(octets)
        if self.identification is None:
            self._take_identification()
        elif (option := _OPTION.search(self._held)) and option.groups() == (b"2", self._character, b"2"):
            self._finish(self._baud)

    def timeout(self) -> None:
        """Nothing came: ask again, RemoteError after the last attempt. Without a confirmation it goes on."""
        if self.done:
            return
        if self.identification is not None:
            self._finish(self._baud)
            return
        self._attempts -= 1
        if self._attempts <= 0:
            raise RemoteError("the meter does not answer the mode E opening: check the head's place and the port")
        self._held = b""
        self._steps.append(self._request)

    @property
    def _character(self) -> bytes:
        return _BAUD_CHARACTERS[self._baud].encode()

    def _take_identification(self) -> None:
        found = _IDENTIFICATION.search(self._held)
        if found is None:
            return
        manufacturer, character, capabilities, text = (group.decode("ascii") for group in found.groups())
        if _HDLC_OFFERED not in capabilities.encode():
            raise RemoteError(f"the meter {manufacturer} {text!r} does not offer HDLC (no \\2 in its identification)")
        if character not in _BAUD_RATES:
            raise RemoteError(f"the meter {manufacturer} {text!r} names no rate of mode E, but {character!r}")
        self.identification = Identification(manufacturer, _BAUD_RATES[character], text)
        self._baud = min(self._fastest, self.identification.fastest)
        self._held = b""
        option = b"\x062" + self._character + b"2\r\n"
        self._steps += (self._reaction, option, LineSetting(self._baud, 7, "even"))


class ModeEServer(_Opening):
    """The meter's side: answers a request for its address or for anyone, and takes the rate that it is told."""

    def __init__(
        self,
        manufacturer: str,
        text: str,
        *,
        device_address: str = "",
        fastest: int = 9600,
        reaction: float = _SHORTEST_REACTION,
    ) -> None:
        super().__init__()
        self._device_address = device_address.encode("ascii", "replace")
        self._identification = f"/{manufacturer}{_BAUD_CHARACTERS.get(fastest)}\\2{text}\r\n".encode("ascii", "replace")
        if not _IDENTIFICATION.fullmatch(self._identification):
            raise LocalError("a mode E identification has three letters, a rate of mode E and up to 16 characters")
        self._fastest = fastest
        self._reaction = reaction
        self._identified = False
        self._steps.append(_START)

    @property
    def patience(self) -> float | None:
        """Once identified, the client's longest reaction and the time of its message; before, without end."""
        return _LONGEST_REACTION + 0.5 if self._identified else None

    def feed(self, octets: bytes) -> None:
        """Take what came; what is neither request nor option is noise."""
        if self.done:
            return
        self._hold(octets)
        option = _OPTION.search(self._held) if self._identified else None
        if option is not None:
            self._take_option(*option.groups())
            return
        request = _REQUEST.search(self._held)
        if request is not None:
            self._held = b""
            asked = request.group(1).lstrip(b"0")
            if not asked or asked == self._device_address.lstrip(b"0"):
                self._identified = True
                self._steps += (self._reaction, self._identification)

    def timeout(self) -> None:
        """The client said nothing more: wait for the next request."""
        self._start_again()

    def _take_option(self, protocol: bytes, character: bytes, mode: bytes) -> None:
        baud = _BAUD_RATES.get(character.decode("ascii", "replace"))
        if (protocol, mode) != (b"2", b"2") or baud is None or baud > self._fastest:
            self._start_again()
            return
        self._steps += (LineSetting(baud, 7, "even"), self._reaction, b"\x062" + character + b"2\r\n")
        self._finish(baud)

    def _start_again(self) -> None:
        self._identified = False
        self._held = b""
        self._steps.append(_START)
