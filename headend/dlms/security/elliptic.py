"""Elliptic curves of suites 1 and 2: ECDSA, ECDH and the key derivation after it (Green Book 9.2.3.4).

Points and signatures are raw: x and y, r and s, each of the curve's size. Signatures are deterministic (RFC 6979), so
that no randomness is needed here; an ephemeral private key is handed in.
"""

from hashlib import sha256, sha384
from typing import Final

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from headend.dlms.errors import LocalError, SecurityError

#: What the derived key is for: AES-GCM-128 and AES-GCM-256, 2.16.756.5.8.3.0 and .1 (Green Book 9.2.3.4.6.5).
_ALGORITHM_IDS: Final = {1: bytes.fromhex("60857405080300"), 2: bytes.fromhex("60857405080301")}
_CURVES: Final[dict[int, ec.EllipticCurve]] = {1: ec.SECP256R1(), 2: ec.SECP384R1()}
_SIZES: Final = {1: 32, 2: 48}
_KEY_OCTETS: Final = {1: 16, 2: 32}


@frozen
class SigningContext:
    """Our private and the peer's public signing key of suite 1 (P-256) or 2 (P-384); either may be missing."""

    suite: int
    private_key: ec.EllipticCurvePrivateKey | None = field(default=None, repr=False)
    peer_public_key: ec.EllipticCurvePublicKey | None = field(default=None, repr=False)
    #: Whether general-signing covers the content's length too: stacks differ, and the peer's way must be known before.
    signs_content_length: bool = False

    def __attrs_post_init__(self) -> None:
        """LocalError for another suite or a key on another curve."""
        name = curve(self.suite).name
        if any(key is not None and key.curve.name != name for key in (self.private_key, self.peer_public_key)):
            raise LocalError(f"suite {self.suite} takes keys on {name}")

    def sign(self, octets: bytes) -> bytes:
        """Our signature over `octets`."""
        if self.private_key is None:
            raise LocalError("nothing to sign with: no private key")
        return sign(self.suite, self.private_key, octets)

    def verify(self, octets: bytes, signature: bytes) -> None:
        """SecurityError unless `signature` is the peer's over `octets`."""
        if self.peer_public_key is None:
            raise LocalError("nothing to verify with: the peer's public key isn't known")
        verify(self.suite, self.peer_public_key, octets, signature)


def curve(suite: int) -> ec.EllipticCurve:
    """The curve of `suite`; LocalError where it has none."""
    if suite not in _CURVES:
        raise LocalError(f"suite {suite} has no elliptic curve")
    return _CURVES[suite]


def private_key(suite: int, octets: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key whose number `octets` are; LocalError when it is none."""
    if len(octets) != _SIZES.get(suite):
        raise LocalError(f"a private key of {len(octets)} octets for suite {suite}")
    try:
        return ec.derive_private_key(int.from_bytes(octets, "big"), curve(suite))
    except ValueError as error:
        raise LocalError(f"no private key of suite {suite}") from error


def public_key(suite: int, octets: bytes) -> ec.EllipticCurvePublicKey:
    """The public key at the point x, y; SecurityError when it isn't on the curve."""
    chosen = curve(suite)
    if len(octets) != 2 * _SIZES[suite]:
        raise SecurityError(f"a public key of {len(octets)} octets in suite {suite}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(chosen, b"\x04" + octets)
    except ValueError:
        raise SecurityError("a public key that isn't on the curve") from None


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """X and y of a public key."""
    numbers = key.public_numbers()
    size = key.key_size // 8
    return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def sign(suite: int, key: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    """R and s of the signature over `octets`: 64 octets in suite 1, 96 in suite 2."""
    der = key.sign(octets, ec.ECDSA(_hash(suite), deterministic_signing=True))
    return b"".join(part.to_bytes(_SIZES[suite], "big") for part in decode_dss_signature(der))


def verify(suite: int, key: ec.EllipticCurvePublicKey, octets: bytes, signature: bytes) -> None:
    """SecurityError unless `signature` (r and s) was made over `octets` by the owner of `key`."""
    size = _SIZES.get(suite, 0)
    if len(signature) != 2 * size:
        raise SecurityError(f"a signature of {len(signature)} octets in suite {suite}")
    der = encode_dss_signature(int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
    try:
        key.verify(der, octets, ec.ECDSA(_hash(suite)))
    except InvalidSignature:
        raise SecurityError("the signature is wrong") from None


def shared_secret(key: ec.EllipticCurvePrivateKey, peer: ec.EllipticCurvePublicKey) -> bytes:
    """Z of the elliptic curve Diffie-Hellman; LocalError when the keys are on different curves."""
    try:
        return key.exchange(ec.ECDH(), peer)
    except ValueError as error:
        raise LocalError("keys on different curves") from error


def derive_key(suite: int, secret: bytes, party_u: bytes, party_v: bytes) -> bytes:
    """The AES key from Z and what the two parties are (NIST SP 800-56A, one round): 16 octets, in suite 2 32."""
    curve(suite)
    digest = sha256 if suite == 1 else sha384
    octets = b"\x00\x00\x00\x01" + secret + _ALGORITHM_IDS[suite] + party_u + party_v
    return digest(octets).digest()[: _KEY_OCTETS[suite]]


def _hash(suite: int) -> hashes.HashAlgorithm:
    curve(suite)
    return hashes.SHA256() if suite == 1 else hashes.SHA384()
