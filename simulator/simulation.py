"""A running simulation: the fleet, where it is found, what goes over its lines, and what was counted."""

from attrs import define, field

from simulator.fleet import Fleet
from simulator.keyed import MeterAssociations, Nonces
from simulator.link import Link, hdlc_link, wrapper_link
from simulator.meter import Meter
from simulator.sites import Place


@define(eq=False)
class Traffic:
    """Counts since the start; `open` is how many connections stand now.

    `overlapping` is how many connections reached a meter while another one to the same meter stood.
    """

    connections: int = 0
    open: int = 0
    overlapping: int = 0
    apdus: int = 0
    octets_in: int = 0
    octets_out: int = 0


@define(eq=False)
class Simulation:
    """What servers and the control port share. `framing` is `wrapper` or `hdlc`; sizes in octets."""

    fleet: Fleet
    nonces: Nonces
    framing: str = "wrapper"
    max_pdu_size: int = 0xFFFF
    traffic: Traffic = field(factory=Traffic)
    places: dict[int, Place] = field(factory=dict)
    #: Until when (host's clock, seconds) a meter that reboots takes no connection, by meter number.
    rebooting: dict[int, float] = field(factory=dict)

    def link(self, meter: Meter, client_sap: int, server_sap: int) -> Link:
        """A wrapper link between one client and one meter."""
        offers = MeterAssociations(meter, self.nonces, self.max_pdu_size, frozenset((client_sap,)))
        return wrapper_link(meter, offers, server_sap, self.fleet.faults(meter))

    def line(self, meter: Meter, server_sap: int) -> Link:
        """An HDLC line to one meter, for all its clients."""
        offers = MeterAssociations(meter, self.nonces, self.max_pdu_size)
        return hdlc_link(meter, offers, server_sap, self.fleet.faults(meter))

    def stats(self) -> dict[str, int]:
        """Everything counted, over all meters."""
        meters = self.fleet.meters
        ledgers = [ledger for meter in meters for ledger in meter.counters.values()]
        return {
            "meters": len(meters),
            "relay_edges": sum(len(meter.relay.edges) for meter in meters),
            "relay_actions": sum(meter.relay.remote_actions for meter in meters),
            "duplicate_actuations": sum(meter.relay.duplicate_actuations for meter in meters),
            "disconnected": sum(not meter.relay.output_state for meter in meters),
            "counters_reused": sum(ledger.reused for ledger in ledgers),
            "counters_refused": sum(len(ledger.refused) for ledger in ledgers),
            "faults": self.fleet.faults_struck,
            "connections": self.traffic.connections,
            "open": self.traffic.open,
            "overlapping": self.traffic.overlapping,
            "apdus": self.traffic.apdus,
            "octets_in": self.traffic.octets_in,
            "octets_out": self.traffic.octets_out,
        }
