"""Reads a meter with gurux-dlms and prints what it found as JSON. Runs as a process of its own, never imported.

Usage: gurux_reader.py wrapper|hdlc PORT SYSTEM_TITLE EK AK COUNTER (the last four in hexadecimal, the counter decimal)
"""

import json
import socket
import sys

from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType, Security
from gurux_dlms.objects import (
    GXDLMSClock,
    GXDLMSData,
    GXDLMSDisconnectControl,
    GXDLMSProfileGeneric,
    GXDLMSRegister,
)
from gurux_dlms.secure import GXDLMSSecureClient


class Reader:
    def __init__(self, framing, port, title, encryption, authentication, counter):
        kind = InterfaceType.HDLC if framing == "hdlc" else InterfaceType.WRAPPER
        self.client = GXDLMSSecureClient(True, 48, 1, Authentication.HIGH_GMAC, None, kind)  # noqa: FBT003 - logical names
        ciphering = self.client.ciphering
        ciphering.security = Security.AUTHENTICATION_ENCRYPTION
        ciphering.systemTitle = title
        ciphering.blockCipherKey = encryption
        ciphering.authenticationKey = authentication
        ciphering.invocationCounter = counter
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def exchange(self, requests):
        if isinstance(requests, (bytes, bytearray)):
            requests = [requests]
        reply = GXReplyData()
        for request in requests or ():
            reply.clear()
            self.send_and_take(bytes(request), reply)
            while reply.isMoreData():
                self.send_and_take(bytes(self.client.receiverReady(reply)), reply)
        return reply

    def send_and_take(self, request, reply):
        if request:
            self.socket.sendall(request)
        received = GXByteBuffer()
        notification = GXReplyData()
        while True:
            octets = self.socket.recv(65536)
            if not octets:
                raise EOFError("the simulator hung up")
            received.set(octets)
            if self.client.getData(received, reply, notification):
                break
        if reply.error:
            raise ValueError(f"error {reply.error}")

    def associate(self):
        request = self.client.snrmRequest()
        if request:
            self.client.parseUAResponse(self.exchange(request).data)
        self.client.parseAareResponse(self.exchange(self.client.aarqRequest()).data)
        if self.client.getIsAuthenticationRequired():
            reply = self.exchange(self.client.getApplicationAssociationRequest())
            self.client.parseApplicationAssociationResponse(reply.data)

    def read(self, item, attribute):
        reply = self.exchange(self.client.read(item, attribute))
        return self.client.updateValue(item, attribute, reply.value)

    def last_rows(self, profile, count):
        total = self.read(profile, 7)
        reply = self.exchange(self.client.readRowsByEntry(profile, total - count + 1, count))
        return self.client.updateValue(profile, 2, reply.value)

    def objects(self):
        reply = self.exchange(self.client.getObjectsRequest())
        return self.client.parseObjects(reply.data, onlyKnownObjects=True)

    def release(self):
        self.exchange(self.client.releaseRequest())
        self.exchange(self.client.disconnectRequest())
        self.socket.close()


def text(value):
    return bytes(value).decode() if not isinstance(value, str) else value


def main():
    framing, port, title, encryption, authentication, counter = sys.argv[1:]
    reader = Reader(framing, int(port), *map(bytearray.fromhex, (title, encryption, authentication)), int(counter))
    reader.associate()
    voltage = GXDLMSRegister("1.0.12.7.0.255")
    reader.read(voltage, 3)
    profile = GXDLMSProfileGeneric("1.0.99.1.0.255")
    reader.read(profile, 3)
    rows = reader.last_rows(profile, 48)
    relay = GXDLMSDisconnectControl("0.0.96.3.10.255")
    found = {
        "name": text(reader.read(GXDLMSData("0.0.42.0.0.255"), 2)),
        "serial": text(reader.read(GXDLMSData("0.0.96.1.0.255"), 2)),
        "clock": reader.read(GXDLMSClock("0.0.1.0.0.255"), 2).value.timestamp(),
        "voltage": reader.read(voltage, 2),
        "unit": int(voltage.unit),
        "columns": [str(column[0].logicalName) for column in profile.captureObjects],
        "rows": len(rows),
        "moments": [row[0].value.timestamp() for row in rows],
        "watt_hours": [row[2] for row in rows],
        "output_state": reader.read(relay, 2),
        "control_state": int(reader.read(relay, 3)),
    }
    found["objects"] = sorted(str(item.logicalName) for item in reader.objects())
    reader.release()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
