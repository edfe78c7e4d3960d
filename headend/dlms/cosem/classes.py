"""Looking up interface classes, and reading and building their attributes by class and number."""

from typing import Any

from headend.dlms.axdr import Data
from headend.dlms.cosem.class_tables import CLASSES
from headend.dlms.cosem.interface_class import Attribute, InterfaceClass
from headend.dlms.errors import LocalError

__all__ = [
    "CLASSES",
    "Attribute",
    "InterfaceClass",
    "attribute_name",
    "build_attribute",
    "class_name",
    "method_name",
    "read_attribute",
]


def read_attribute(class_id: int, attribute: int, data: Data) -> Any:  # noqa: ANN401 - the type follows from the table
    """The value of an attribute as its value object; DecodeError if it is laid out differently.

    LocalError for a class or an attribute that the tables do not have.
    """
    found = _attribute(class_id, attribute)
    return found.codec.read(data, found.name)


def build_attribute(class_id: int, attribute: int, value: Any) -> Data:  # noqa: ANN401 - the type follows from the table
    """The Data of an attribute's value object; LocalError for an attribute that the tables do not have."""
    return _attribute(class_id, attribute).codec.write(value)


def class_name(class_id: int) -> str:
    """The name of a class, empty where it is not known here."""
    return CLASSES[class_id].name if class_id in CLASSES else ""


def attribute_name(class_id: int, attribute: int) -> str:
    """The name of an attribute, empty where it is not known here."""
    found = CLASSES[class_id].attributes.get(attribute) if class_id in CLASSES else None
    return found.name if found else ""


def method_name(class_id: int, method: int) -> str:
    """The name of a method, empty where it is not known here."""
    return CLASSES[class_id].methods.get(method, "") if class_id in CLASSES else ""


def _attribute(class_id: int, attribute: int) -> Attribute:
    try:
        return CLASSES[class_id].attributes[attribute]
    except KeyError:
        raise LocalError(f"attribute {attribute} of class {class_id} is in no table") from None
