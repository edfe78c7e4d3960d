"""Reads a profile buffer with gurux-dlms, prints microseconds of CPU a call. A process of its own for GPL software."""

import sys
from time import process_time

from gurux_dlms import GXByteBuffer
from gurux_dlms.internal._GXCommon import _GXCommon
from gurux_dlms.internal._GXDataInfo import _GXDataInfo

buffer = bytes.fromhex(sys.argv[1])
rounds = int(sys.argv[2])


def decode():
    return _GXCommon.getData(None, GXByteBuffer(buffer), _GXDataInfo())


assert len(decode()) == int(sys.argv[3])
best = float("inf")
for _ in range(rounds):
    start = process_time()
    for _ in range(5):
        decode()
    best = min(best, (process_time() - start) / 5)
print(best * 1e6)
