"""Takes the lock of a database and keeps it until it is killed."""

import signal
import sys
from pathlib import Path

from headend.storage import DaemonLock

lock = DaemonLock.acquire(Path(sys.argv[1]))
sys.stdout.write("held\n")
sys.stdout.flush()
signal.pause()
