"""Functions that manufacturers put behind HLS mechanism 2, for `HlsContext.manufacturer`."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from headend.dlms.errors import LocalError, SecurityError


def aes_ecb(challenge: bytes, secret: bytes) -> bytes:
    """The challenge encrypted block by block under the secret, as meters of the Indian companion specification do.

    The secret has 16 octets, the challenge a multiple of 16; LocalError or SecurityError otherwise.
    """
    if len(secret) != 16:
        raise LocalError(f"a secret of 16 octets is needed, this one has {len(secret)}")
    if not challenge or len(challenge) % 16:
        raise SecurityError(f"a challenge of {len(challenge)} octets, not a multiple of 16")
    encryptor = Cipher(AES(secret), ECB()).encryptor()  # noqa: S305  # the meters' own function, one secret block a session
    return encryptor.update(challenge) + encryptor.finalize()
