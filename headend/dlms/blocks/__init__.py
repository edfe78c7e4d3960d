"""What is too long for one APDU: cut, sent piece by piece, and joined again, for either end."""

from headend.dlms.blocks.general import GeneralBlocks
from headend.dlms.blocks.reassembly import Division, Reassembly

__all__ = ["Division", "GeneralBlocks", "Reassembly"]
