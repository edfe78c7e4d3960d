"""The consumers' portal on this house's store; rules are asked anew each time, as they may have been reread."""

from headend.app.delivering import send_login_code
from headend.app.recharging import book_recharge
from headend.app.wiring import Headend
from headend.prepaid.durations import duration
from headend.prepaid.model import AccountView
from headend.prepaid.policy import Policy
from headend.prepaid.portal import LoginCode
from headend.web.portal import Desk, DoorRules, Sandbox


def portal_desk(headend: Headend) -> Desk:
    """The portal's ports."""
    store, document = headend.store, headend.setup.settings.document
    section = document.portal

    def policy_of(view: AccountView) -> Policy:
        return headend.setup.policy_for(view)

    async def send_code(code: LoginCode) -> None:
        await send_login_code(headend, code)

    async def book(consumer_no: str, amount: int, payment_id: str, source: str) -> object:
        # The minimum was asked for when the payment began; money that came is booked whatever it is.
        return await book_recharge(headend, consumer_no, amount, payment_id, source, any_amount=True)

    return Desk(
        now=headend.clock.now,
        doors=store.portal.doors,
        payments=store.portal.payments,
        complaints=store.portal.complaints,
        statements=store.portal.statements,
        tries=store.portal.tries,
        accounts=store.accounts,
        inbox=store.inbox,
        policy_of=policy_of,
        send_code=send_code,
        book=book,
        gateway=Sandbox() if section.gateway == "sandbox" else None,
        rules=DoorRules(
            code_valid_for=duration(document.notices.code_valid_for),
            code_tries=document.notices.code_tries,
            codes_per_address=section.codes_per_address,
            tries_per_address=section.tries_per_address,
            accounts_per_address=section.accounts_per_address,
            tries_per_consumer=section.tries_per_consumer,
        ),
        offices=section.offices,
        helpline=section.helpline,
    )
