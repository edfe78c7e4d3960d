"""DLMS inside packet captures: payloads cut into wrapper PDUs and groups of HDLC frames, in the capture's order."""

from collections.abc import Iterator

from headend.cli.pcap import Flow, read_payloads
from headend.cli.trace import Input
from headend.dlms.trace import Form
from headend.dlms.trace.flows import HdlcFlow, WrapperFlow, flow_of


def capture_inputs(octets: bytes, form: Form) -> Iterator[Input]:
    """Every DLMS message in a capture; flows that carry something else are passed over, unless `form` names them."""
    flows: dict[Flow, WrapperFlow | HdlcFlow | None] = {}
    for payload in read_payloads(octets):
        if payload.flow not in flows:
            flows[payload.flow] = flow_of(payload.octets, form)
        reader = flows[payload.flow]
        if reader is None:
            continue
        for message in reader.feed(payload.octets):
            about = {"packet": payload.packet, "from": payload.flow.source, "to": payload.flow.destination}
            yield Input(f"packet {payload.packet}", message, reader.form, about)
