"""Keys on their way: AES key wrap (RFC 3394) and the parameter of global_key_transfer (Blue Book 4.4.7)."""

from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from headend.dlms.axdr import Data, Tag, array, enum, octet_string, structure
from headend.dlms.enumerations import KeyId
from headend.dlms.errors import DecodeError, LocalError, SecurityError

_KEY_SIZES: Final = (16, 32)
_WRAPPED_SIZES: Final = (24, 40)


def wrap_key(wrapping_key: bytes, key: bytes) -> bytes:
    """`key` (16 or 32 octets) wrapped under `wrapping_key` (16 or 32 octets): 8 octets longer."""
    if len(wrapping_key) not in _KEY_SIZES or len(key) not in _KEY_SIZES:
        raise LocalError("a key to wrap, and the one to wrap it under, have 16 or 32 octets")
    return aes_key_wrap(wrapping_key, key)


def unwrap_key(wrapping_key: bytes, wrapped: bytes) -> bytes:
    """The key inside `wrapped`; SecurityError when it wasn't wrapped under `wrapping_key`."""
    if len(wrapping_key) not in _KEY_SIZES:
        raise LocalError("a key to unwrap with has 16 or 32 octets")
    if len(wrapped) not in _WRAPPED_SIZES:
        raise SecurityError(f"a wrapped key of {len(wrapped)} octets")
    try:
        return aes_key_unwrap(wrapping_key, wrapped)
    except InvalidUnwrap:
        raise SecurityError("the key wasn't wrapped under this key-encrypting key") from None


def key_transfer(master_key: bytes, keys: Iterable[tuple[KeyId, bytes]]) -> Data:
    """The parameter of global_key_transfer (Security setup, method 2): each key with its id, wrapped."""
    return array(*(structure(enum(key_id), octet_string(wrap_key(master_key, key))) for key_id, key in keys))


def read_key_transfer(master_key: bytes, parameter: Data) -> tuple[tuple[KeyId, bytes], ...]:
    """What `key_transfer` made, for the server's side; DecodeError for another shape, SecurityError for another key."""
    if parameter.tag is not Tag.ARRAY:
        raise DecodeError("global_key_transfer takes an array", 0)
    return tuple(_read_item(master_key, item) for item in parameter.value)


def _read_item(master_key: bytes, item: Data) -> tuple[KeyId, bytes]:
    match item:
        case Data(Tag.STRUCTURE, (Data(Tag.ENUM, key_id), Data(Tag.OCTET_STRING, wrapped))):
            if key_id not in KeyId._value2member_map_:
                raise DecodeError(f"no key has the id {key_id}", None)
            return KeyId(key_id), unwrap_key(master_key, wrapped)
        case _:
            raise DecodeError("a key to transfer is a structure of enum and octet-string", None)
