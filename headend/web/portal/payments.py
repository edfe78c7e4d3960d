"""What follows from a gateway's word: money is booked once, whatever is repeated, late or out of order."""

from headend.errors import HeadendError
from headend.prepaid.portal import OnlinePayment, PaymentState, PaymentWord
from headend.web.ports.portal import Money, Payments


class NotTheGateway(HeadendError):  # noqa: N818  an answer, not a fault
    """A callback that was not signed by the gateway, or that can't be read; nothing was done."""

    exit_code = 4


async def take_word(payments: Payments, book: Money, word: PaymentWord) -> OnlinePayment:
    """Book a payment that came and write down what the gateway said.

    The ledger knows the payment's id, so a word that is repeated, or whose answer was lost, books nothing again. What
    contradicts the payment as it was begun is `disputed`, books nothing and is an event for people.
    """
    payment = await payments.payment(word.payment)
    if payment.state is PaymentState.DISPUTED:
        return await payments.settle(word, PaymentState.DISPUTED)
    if word.amount != payment.amount:
        return await payments.settle(word, PaymentState.DISPUTED, "another amount than was asked for")
    if not word.paid:
        return await payments.settle(word, PaymentState.FAILED)
    await book(payment.consumer_no, payment.amount, payment.id, f"portal {payment.gateway}")
    return await payments.settle(word, PaymentState.PAID)
