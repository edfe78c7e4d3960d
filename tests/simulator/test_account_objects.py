from simulator.prepaid import PrepaidRegisters, TokenCode, TokenGateway

TIME = b"\x07\xea" + bytes(10)


def token(stamp, amount):
    return stamp.to_bytes(4, "big") + amount.to_bytes(4, "big")


def test_a_token_is_executed_once_and_a_later_one_again():
    registers, gateway = PrepaidRegisters(-50_00, 0, 650), TokenGateway()
    for stamp, amount, code, balance in (
        (10, 200_00, TokenCode.EXECUTED, 150_00),
        (10, 200_00, TokenCode.VALIDATION_FAILURE, 150_00),
        (9, 100_00, TokenCode.VALIDATION_FAILURE, 150_00),
        (11, 0, TokenCode.VALIDATION_FAILURE, 150_00),
        (11, 100_00, TokenCode.EXECUTED, 250_00),
        (12, (1 << 32) - 1, TokenCode.EXECUTION_FAILURE, 250_00),
    ):
        gateway.enter(token(stamp, amount), TIME, registers, 0)
        assert (gateway.code, registers.balance(0), gateway.token) == (code, balance, token(stamp, amount))
    assert gateway.executed == 2


def test_what_is_no_token_has_a_format_failure():
    registers, gateway = PrepaidRegisters(0, 0, 650), TokenGateway()
    gateway.enter(b"123", TIME, registers, 0)
    assert (gateway.code, gateway.executed, gateway.time) == (TokenCode.FORMAT_FAILURE, 0, TIME)
