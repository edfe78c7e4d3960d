"""APDUs of every kind as nested dictionaries, deciphered with the keys at hand."""

from attrs import define, field

from headend.dlms.apdu import (
    Aare,
    Aarq,
    AgreedKey,
    Apdu,
    CipheredApdu,
    GatewayRequest,
    GatewayResponse,
    GeneralCiphering,
    GeneralDedCiphering,
    GeneralGloCiphering,
    GeneralSigning,
    IdentifiedKey,
    InitiateRequest,
    KeyInfo,
    Rlre,
    Rlrq,
    WrappedKey,
    decode,
)
from headend.dlms.apdu.tags import GLO_TAGS
from headend.dlms.errors import DecodeError, LocalError, SecurityError
from headend.dlms.security import KeyContext, unprotect, unprotect_general
from headend.dlms.trace.acse import describe_acse, field_order
from headend.dlms.trace.joining import Joiner
from headend.dlms.trace.keys import KeyRing
from headend.dlms.trace.services import describe
from headend.dlms.trace.values import Fields

#: Signed, ciphered and prefixed content inside each other: deeper than this is an attack.
_MAX_NESTING = 8
#: The ciphered initiate services and errors travel inside ACSE, and are shown without their length.
_INSIDE_ACSE = frozenset((0x21, 0x28, 0x2E, 0x41, 0x48, 0x4E))
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


@define
class Tracer:
    """Describes APDU after APDU; what one of them reveals (titles, dedicated keys) helps to decipher the next.

    `strict` refuses what `apdu.decode` would let pass for real meters' sake.
    """

    strict: bool = True
    keys: KeyRing = field(factory=KeyRing)
    joiner: Joiner = field(factory=Joiner)

    def apdu(self, octets: bytes) -> Fields:
        """The APDU that `octets` are; DecodeError when they are none."""
        return self._apdu(octets, 0)

    def _apdu(self, octets: bytes, depth: int) -> Fields:
        if depth > _MAX_NESTING:
            raise DecodeError(f"more than {_MAX_NESTING} APDUs inside each other", 0)
        apdu = decode(octets, strict=self.strict)
        return {"apdu": apdu.NAME} | self._fields(apdu, octets, depth)

    def _fields(self, apdu: Apdu, octets: bytes, depth: int) -> Fields:
        match apdu:
            case Aarq() | Aare() | Rlrq() | Rlre():
                return self._acse(apdu, octets, depth)
            case CipheredApdu():
                return self._ciphered(apdu, depth)
            case GeneralGloCiphering() | GeneralDedCiphering():
                return self._general(apdu, depth)
            case GeneralCiphering():
                return self._general_ciphering(apdu, depth)
            case GeneralSigning() | GatewayRequest() | GatewayResponse():
                return self._enveloped(apdu, octets, depth)
            case _:
                if isinstance(apdu, InitiateRequest):
                    self.keys.learn_dedicated(apdu.dedicated_key)
                return describe(apdu) | self.joiner.take(apdu)

    def _enveloped(self, apdu: GeneralSigning | GatewayRequest | GatewayResponse, octets: bytes, depth: int) -> Fields:
        """APDUs that carry another one in clear."""
        content = apdu.content if isinstance(apdu, GeneralSigning) else apdu.apdu
        inside: Fields = {"content": content.hex(), "content_decoded": self._inside(octets, content, depth)}
        if isinstance(apdu, GeneralSigning):
            return _header(apdu) | inside | {"signature": apdu.signature.hex()}
        return {"network_id": apdu.network_id, "physical_device_address": apdu.address.hex()} | inside

    def _inside(self, octets: bytes, content: bytes, depth: int) -> Fields:
        """`content` as an APDU; an error's offset counts in `octets` around it."""
        try:
            return self._apdu(content, depth + 1)
        except DecodeError as error:
            raise DecodeError(error.reason, (error.offset or 0) + max(octets.rfind(content), 0)) from error

    def _acse(self, apdu: Aarq | Aare | Rlrq | Rlre, octets: bytes, depth: int) -> Fields:
        fields = describe_acse(apdu)
        if isinstance(apdu, Aarq):
            self.keys.learn_title(apdu.calling_ap_title)
        if isinstance(apdu, Aare):
            self.keys.learn_title(apdu.responding_ap_title)
        if apdu.user_information is not None:
            fields["user_information_hex"] = apdu.user_information.hex()
            fields["user_information"] = self._inside(octets, apdu.user_information, depth)
        fields["field_order"] = field_order(octets)
        return fields

    def _ciphered(self, apdu: CipheredApdu, depth: int) -> Fields:
        length = {} if apdu.tag in _INSIDE_ACSE else {"ciphered_length": 5 + len(apdu.ciphertext)}
        dedicated = apdu.tag not in GLO_TAGS.values()
        return length | _security(apdu) | self._deciphered(apdu, None, apdu.plain_tag, depth, dedicated=dedicated)

    def _general(self, apdu: GeneralGloCiphering | GeneralDedCiphering, depth: int) -> Fields:
        title = apdu.system_title or None
        self.keys.learn_title(title)
        return (
            {"system_title": apdu.system_title.hex(), "ciphered_length": 5 + len(apdu.ciphertext)}
            | _security(apdu)
            | self._deciphered(apdu, title, None, depth, dedicated=isinstance(apdu, GeneralDedCiphering))
        )

    def _general_ciphering(self, apdu: GeneralCiphering, depth: int) -> Fields:
        fields = _header(apdu)
        wrapped = apdu.key_info.wrapped if isinstance(apdu.key_info, WrappedKey) else None
        if apdu.key_info is not None:
            fields["key_info"] = _key_info(apdu.key_info)
        if wrapped is not None and self.keys.can_unwrap:
            fields["key_info"]["unwrapped"] = self.keys.unwraps(wrapped)
        fields["ciphered_length"] = 5 + len(apdu.ciphertext)
        title = apdu.header.originator_system_title or None
        opened = self._deciphered(apdu, title, None, depth, dedicated=False, wrapped=wrapped)
        return fields | _security(apdu) | opened

    def _deciphered(
        self,
        apdu: CipheredApdu | GeneralGloCiphering | GeneralDedCiphering | GeneralCiphering,
        title: bytes | None,
        plain_tag: int | None,
        depth: int,
        *,
        dedicated: bool,
        wrapped: bytes | None = None,
    ) -> Fields:
        tried = False
        for context, sender in self.keys.candidates(title, dedicated=dedicated, wrapped=wrapped):
            tried = True
            plain = _open(apdu, context, sender)
            if plain is None:
                continue
            authenticated = apdu.security_control & 0x10 != 0
            if authenticated or self._looks_right(plain, plain_tag):
                return {"tag_check": "ok" if authenticated else "none"} | self._plain(plain, depth)
        if tried:
            return {"tag_check": "failed with every key given"}
        return {"tag_check": _untried(title)} if self.keys.given else {}

    def _plain(self, plain: bytes, depth: int) -> Fields:
        if _is_text(plain):
            return {"plain": plain.hex(), "plain_text": plain.decode("ascii")}
        return {"plain": plain.hex(), "plain_decoded": self._apdu(plain, depth + 1)}

    def _looks_right(self, plain: bytes, plain_tag: int | None) -> bool:
        """Whether octets deciphered without a tag are an APDU or a text, and not what a wrong key makes of them."""
        if plain_tag is not None and plain[:1] != bytes((plain_tag,)):
            return False
        if _is_text(plain):
            return True
        try:
            decode(plain, strict=self.strict)
        except DecodeError:
            return False
        return True


def _untried(title: bytes | None) -> str:
    if title is None:
        return "not made: nothing tells the sender's system title; add `title` to the keys entry"
    return "not made: no key given is for this sender"


def _open(
    apdu: CipheredApdu | GeneralGloCiphering | GeneralDedCiphering | GeneralCiphering,
    context: KeyContext,
    sender: bytes,
) -> bytes | None:
    try:
        if isinstance(apdu, GeneralCiphering):
            return unprotect_general(apdu, context, apdu.security_control)
        return unprotect(context, sender, apdu.security_control, apdu.invocation_counter, apdu.ciphertext)
    except (SecurityError, LocalError):
        return None


def _is_text(octets: bytes) -> bool:
    return len(octets) >= 4 and _PRINTABLE.issuperset(octets)


def _security(apdu: CipheredApdu | GeneralGloCiphering | GeneralDedCiphering | GeneralCiphering) -> Fields:
    return {
        "security_control": f"{apdu.security_control:02x}",
        "invocation_counter": apdu.invocation_counter,
        "ciphered": apdu.ciphertext.hex(),
    }


def _header(apdu: GeneralCiphering | GeneralSigning) -> Fields:
    header = apdu.header
    return {
        "transaction_id": header.transaction_id.hex(),
        "originator_system_title": header.originator_system_title.hex(),
        "recipient_system_title": header.recipient_system_title.hex(),
        "date_time": header.date_time.hex(),
        "other_information": header.other_information.hex(),
    }


def _key_info(info: KeyInfo) -> Fields:
    match info:
        case IdentifiedKey(key_id=key_id):
            return {"choice": "identified-key", "key_id": key_id}
        case WrappedKey(kek_id=kek_id, wrapped=wrapped):
            return {"choice": "wrapped-key", "kek_id": kek_id, "key_ciphered_data": wrapped.hex()}
        case AgreedKey(parameters=parameters, ciphered_data=ciphered):
            return {"choice": "agreed-key", "key_parameters": parameters.hex(), "key_ciphered_data": ciphered.hex()}
