from typing import TYPE_CHECKING, Any

import click

from headend.cli.output import config_option, emit_json, json_option, say

if TYPE_CHECKING:
    from headend.app import Headend


@click.command(
    # An amount such as -5 is no option: it is refused as an amount.
    context_settings={"ignore_unknown_options": True},
    epilog="\b\nExamples:\n  headend recharge 10000000001 500 --payment-id P-2026-000123\n"
    "  headend recharge 10000000001 199.50 --payment-id P-2026-000124 --json",
)
@click.argument("consumer_no", metavar="CONSUMER_NO")
@click.argument("amount", metavar="AMOUNT")
@click.option("--payment-id", required=True, help="The payment's own number: the same one is never booked twice.")
@click.option("--any-amount", is_flag=True, help="Book it though it is less than the policy's min_recharge.")
@click.option("--wait", is_flag=True, help="Wait until supply is back, where the recharge suffices for it.")
@click.option("--timeout", "timeout_s", default=120.0, show_default=True, help="Seconds to wait.")
@config_option
@json_option
def recharge(
    consumer_no: str,
    amount: str,
    payment_id: str,
    any_amount: bool,
    wait: bool,
    timeout_s: float,
    config: str | None,
    as_json: bool,
) -> None:
    """Book a recharge of AMOUNT rupees. If it suffices and supply was cut, the reconnect is journalled with it.

    A running daemon carries the reconnect out within a second; without a daemon this process does it.
    """
    from headend.cli.running import acting_by_hand, with_headend
    from headend.prepaid.money import format_rupees

    _refuse_no_consumer(consumer_no)
    paise = _paise(amount)
    act = acting_by_hand("recharge", consumer_no, of="consumer", amount=format_rupees(paise), payment_id=payment_id)
    result = with_headend(
        config, lambda headend: _book(headend, consumer_no, paise, payment_id, any_amount, wait, timeout_s), act
    )
    if as_json:
        emit_json(result)
        return
    _tell(consumer_no, paise, payment_id, result)


def _refuse_no_consumer(consumer_no: str) -> None:
    if len(consumer_no) != 11 or not consumer_no.isascii() or not consumer_no.isdigit():
        raise click.BadParameter(
            f"{consumer_no!r} is not a consumer number: it has 11 digits", param_hint="CONSUMER_NO"
        )


def _paise(amount: str) -> int:
    from headend.prepaid.money import parse_rupees

    try:
        paise = parse_rupees(amount)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="AMOUNT") from error
    if paise <= 0:
        raise click.BadParameter("a recharge is more than nothing", param_hint="AMOUNT")
    return paise


async def _book(
    headend: "Headend",
    consumer_no: str,
    paise: int,
    payment_id: str,
    any_amount: bool,
    wait: bool,
    timeout_s: float,
) -> dict[str, Any]:
    """Book it, and see to what follows from it at the meter, unless it was booked before."""
    from headend.app.recharging import book_recharge
    from headend.cli.at_meter import carry_out, carry_topup, raise_unless_done
    from headend.cli.running import person

    result = await book_recharge(headend, consumer_no, paise, payment_id, person(), any_amount=any_amount)
    command, topup = result.command, None
    if command is not None and not result.repeated:
        command = await carry_out(headend, command, wait=wait, timeout_s=timeout_s)
        if wait:
            await raise_unless_done(headend.store, command)
    if not result.repeated:
        topup = await carry_topup(headend, consumer_no, wait=wait, timeout_s=timeout_s)
    return {
        "consumer_no": consumer_no,
        "payment_id": payment_id,
        "amount_paise": paise,
        "repeated": result.repeated,
        "balance_paise": result.balance,
        "command": command,
        "topup": topup,
    }


def _tell(consumer_no: str, paise: int, payment_id: str, result: dict[str, Any]) -> None:
    from headend.prepaid.money import format_rupees

    balance = format_rupees(result["balance_paise"])
    if result["repeated"]:
        say(f"payment {payment_id} was booked before and is not booked again; balance {balance}")
        return
    say(f"{format_rupees(paise)} booked for {consumer_no}; balance {balance}")
    for what, name in (("top-up of the meter", "topup"), ("reconnect: command", "command")):
        if result[name] is not None:
            say(f"{what} {result[name].id} is {result[name].state}")
