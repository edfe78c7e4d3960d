"""What protection and APDUs cost: sealing and opening 1 KiB, proofs, envelopes, each beside its floor and its peer.

python3 run.py bench security [--quick] [--json]
"""

from collections.abc import Callable, Iterator

from _figures import Figure, Options, options, pin, report, side_by_side
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from dlms_cosem import enumerations as peer_enumerations
from dlms_cosem import security as peer_security
from dlms_cosem.protocol import xdlms as peer_xdlms
from dlms_cosem.protocol.acse import ApplicationAssociationResponse

from headend.dlms import axdr
from headend.dlms.apdu import (
    Aare,
    GeneralGloCiphering,
    GetRequestNormal,
    GetResponseNormal,
    InitiateResponse,
    decode,
    encode,
)
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute
from headend.dlms.enumerations import ApplicationContext, AssociationResult, Authentication, Conformance
from headend.dlms.security import HlsContext, KeyContext, hls_reply, protect, unprotect

ENCRYPTION_KEY = bytes(range(16))
AUTHENTICATION_KEY = bytes(range(0xD0, 0xE0))
TITLE = bytes.fromhex("4d4d4d0000bc614e")
COUNTER = 0x01234567
PLAIN = bytes(1024)
KEYS = KeyContext(ENCRYPTION_KEY, AUTHENTICATION_KEY)


def sealing(quick: bool) -> Iterator[Figure]:  # noqa: FBT001
    bare = AESGCM(ENCRYPTION_KEY).encrypt
    iv = TITLE + COUNTER.to_bytes(4)
    aad = b"\x30" + AUTHENTICATION_KEY
    sealed = protect(KEYS, TITLE, 0x30, COUNTER, PLAIN)
    ciphertext = sealed[:-12]
    control = peer_security.SecurityControlField(security_suite=0, authenticated=True, encrypted=True)

    def bare_protect() -> None:
        bare(iv, PLAIN, aad)

    def bare_unprotect() -> None:
        bare(iv, ciphertext, None)
        bare(iv, PLAIN, aad)

    def our_protect() -> None:
        protect(KEYS, TITLE, 0x30, COUNTER, PLAIN)

    def our_unprotect() -> None:
        unprotect(KEYS, TITLE, 0x30, COUNTER, sealed)

    def peer_protect() -> None:
        peer_security.encrypt(control, TITLE, COUNTER, ENCRYPTION_KEY, PLAIN, AUTHENTICATION_KEY)

    def peer_unprotect() -> None:
        peer_security.decrypt(control, TITLE, COUNTER, ENCRYPTION_KEY, sealed, AUTHENTICATION_KEY)

    costs = side_by_side(
        {
            job.__name__: job
            for job in (bare_protect, bare_unprotect, our_protect, our_unprotect, peer_protect, peer_unprotect)
        },
        quick=quick,
    )
    for name, bare_name in (("protect", "the bare encryption"), ("unprotect", "the two bare encryptions")):
        cost = costs[f"our_{name}"]
        yield Figure(f"{name} a 1 KiB APDU", cost, "µs", bare_name, cost / costs[f"bare_{name}"], "<= 1.5")
        yield Figure(f"{name} a 1 KiB APDU", cost, "µs", "dlms-cosem", costs[f"peer_{name}"] / cost, ">= 1")


def proofs(quick: bool) -> Iterator[Figure]:  # noqa: FBT001
    gmac = HlsContext(mechanism=Authentication.HLS_GMAC, own_system_title=TITLE, keys=KEYS)

    def reply() -> None:
        hls_reply(gmac, received=bytes(16), sent=bytes(16), invocation_counter=1)

    yield Figure("proof of HLS-GMAC", side_by_side({"reply": reply}, quick=quick)["reply"], "µs")


def against_peer(name: str, ours: Callable[[], object], peer: Callable[[], object], *, quick: bool) -> Figure:
    costs = side_by_side({"ours": ours, "peer": peer}, quick=quick)
    return Figure(name, costs["ours"], "µs", "dlms-cosem", costs["peer"] / costs["ours"], ">= 1")


def envelopes(quick: bool) -> Iterator[Figure]:  # noqa: FBT001
    request = GetRequestNormal(0xC1, CosemAttribute(8, "0.0.1.0.0.255", 2))
    peer_request = peer_xdlms.GetRequestNormal.from_bytes(encode(request))
    response = encode(GetResponseNormal(0xC1, EncodedData(axdr.encode(axdr.double_long_unsigned(5009)))))
    general = encode(GeneralGloCiphering(TITLE, 0x30, COUNTER, bytes(1024)))
    initiate = encode(InitiateResponse(Conformance(0x00501F), 500))
    aare = encode(
        Aare(
            application_context=ApplicationContext.LN,
            result=AssociationResult.ACCEPTED,
            user_information=initiate,
        )
    )
    assert peer_request.cosem_attribute.interface == peer_enumerations.CosemInterface.CLOCK
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "encode a GET request": (lambda: encode(request), peer_request.to_bytes),
        "decode a GET response": (
            lambda: decode(response),
            lambda: peer_xdlms.GetResponseNormal.from_bytes(response),
        ),
        "decode a general-glo envelope of 1 KiB": (
            lambda: decode(general),
            lambda: peer_xdlms.GeneralGlobalCipher.from_bytes(general),
        ),
        "decode an AARE with its initiate response": (
            lambda: decode(decode(aare).user_information),  # type: ignore[union-attr]
            lambda: ApplicationAssociationResponse.from_bytes(aare),
        ),
    }
    for name, (ours, peer) in pairs.items():
        yield against_peer(name, ours, peer, quick=quick)


def figures(given: Options) -> Iterator[Figure]:
    yield from sealing(given.quick)
    yield from proofs(given.quick)
    yield from envelopes(given.quick)


if __name__ == "__main__":
    pin()
    chosen = options()
    report(figures(chosen), as_json=chosen.json)
