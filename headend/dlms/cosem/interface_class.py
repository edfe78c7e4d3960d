"""What an interface class is: its attributes with their types, its methods."""

from attrs import frozen

from headend.dlms.cosem.layout import Codec, obis
from headend.dlms.errors import LocalError


@frozen
class Attribute:
    """One attribute; `codec` reads and writes its value."""

    number: int
    name: str
    codec: Codec


@frozen
class InterfaceClass:
    """One class. Attribute 1, the logical name, is in every class and is not repeated in the tables."""

    class_id: int
    name: str
    attributes: dict[int, Attribute]
    methods: dict[int, str]

    def attribute_number(self, name: str) -> int:
        """The number of the attribute of that name; LocalError if there is none."""
        for attribute in self.attributes.values():
            if attribute.name == name:
                return attribute.number
        raise LocalError(f"{self.name} has no attribute {name!r}")

    def method_number(self, name: str) -> int:
        """The number of the method of that name; LocalError if there is none."""
        for number, method in self.methods.items():
            if method == name:
                return number
        raise LocalError(f"{self.name} has no method {name!r}")


def interface_class(
    class_id: int, name: str, attributes: list[tuple[str, Codec]], methods: list[str]
) -> InterfaceClass:
    """The class with these attributes, counted from 2 on, and methods, counted from 1 on."""
    table = {1: Attribute(1, "logical_name", obis)}
    for number, (attribute, codec) in enumerate(attributes, 2):
        table[number] = Attribute(number, attribute, codec)
    return InterfaceClass(class_id, name, table, dict(enumerate(methods, 1)))
