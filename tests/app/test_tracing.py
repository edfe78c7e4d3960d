from headend.app.tracing import conceal
from headend.dlms.trace import Tracer

#: Association with a password (low security): the authentication value is "12345678".
LOW = bytes.fromhex(
    "6036a1090607608574050801018a0207808b0760857405080201ac0a80083132333435363738be10040e01000000065f1f0400007e1fffff"
)


def traced(octets):
    return Tracer(strict=False).apdu(octets)


def test_a_password_and_what_is_a_secret_are_not_shown_wherever_they_stand():
    fields = traced(LOW)
    assert "3132333435363738" in str(fields)
    assert "3132333435363738" not in str(conceal(fields, ()))
    assert "mechanism_name" in conceal(fields, ())
    around = {"apdu": "00aabbccddeeff11", "list": [["octet-string", "aabbccddeeff"]], "text": "say abcd1234 here"}
    shown = conceal(around, (bytes.fromhex("aabbccddeeff"), b"abcd1234"))
    assert shown == {"apdu": "(not shown)", "list": [["octet-string", "(not shown)"]], "text": "(not shown)"}
    assert conceal({"dedicated_key": "00" * 16, "instance": "1.0.1.8.0.255"}, ()) == {
        "dedicated_key": "(not shown)",
        "instance": "1.0.1.8.0.255",
    }
