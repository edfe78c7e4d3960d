from headend.storage.errors import (
    EntryConflict,
    ImportRefused,
    PaymentConflict,
    PaymentInvalid,
    Problem,
    StorageError,
    UnknownCommand,
    UnknownConsumer,
    UnknownMeter,
)
from headend.storage.kek import Kek, KekError, create_kek_file, find_kek
from headend.storage.lock import AlreadyRunning, DaemonLock, holder
from headend.storage.store import Store

__all__ = [
    "AlreadyRunning",
    "DaemonLock",
    "EntryConflict",
    "ImportRefused",
    "Kek",
    "KekError",
    "PaymentConflict",
    "PaymentInvalid",
    "Problem",
    "StorageError",
    "Store",
    "UnknownCommand",
    "UnknownConsumer",
    "UnknownMeter",
    "create_kek_file",
    "find_kek",
    "holder",
]
