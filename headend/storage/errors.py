"""What can go wrong with the store, each with the exit code and a text that names the way out."""

from attrs import frozen

from headend.errors import HeadendError


class StorageError(HeadendError):
    """The database can't be opened, read or written; nothing that was acknowledged is lost."""

    exit_code = 1


class UnknownMeter(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """No meter of that serial in the inventory."""

    exit_code = 2

    def __init__(self, serial: str) -> None:
        super().__init__(
            f"meter {serial!r} is not in the inventory; add it with `headend meters add` or `meters import`"
        )
        self.serial = serial


class UnknownConsumer(HeadendError):  # noqa: N818  as above
    """No account of that consumer number."""

    exit_code = 2

    def __init__(self, consumer_no: str) -> None:
        super().__init__(f"consumer {consumer_no!r} has no account here; a consumer number has 11 digits")
        self.consumer_no = consumer_no


class UnknownCommand(HeadendError):  # noqa: N818  as above
    """No command of that number in the journal."""

    exit_code = 2

    def __init__(self, command_id: int) -> None:
        super().__init__(f"command {command_id} is not in the journal; `headend commands list` shows what is")
        self.command_id = command_id


class UnknownDelivery(HeadendError):  # noqa: N818  as above
    """No message of that number in the queue."""

    exit_code = 2

    def __init__(self, delivery: int) -> None:
        super().__init__(f"message {delivery} is not known; `headend notices queue` shows what is")
        self.delivery = delivery


class PaymentInvalid(HeadendError):  # noqa: N818  as above
    """The recharge makes no sense by itself: an amount that is not positive, a payment id that is empty."""

    exit_code = 2


class PaymentConflict(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """The payment id is already booked with another amount or for another consumer; nothing was booked now."""

    exit_code = 4


class EntryConflict(HeadendError):  # noqa: N818  as above
    """A ledger entry of the same consumer, kind and reference exists with another amount; nothing was booked now."""

    exit_code = 4


class UnknownCorrection(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """No correction of that number."""

    exit_code = 2

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no correction {number}; `headend accounts corrections` shows what is open")
        self.number = number


class UnknownProposal(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """No proposal of that number or digest."""

    exit_code = 2


class UnknownWork(HeadendError):  # noqa: N818  as above
    """No work item of that number."""

    exit_code = 2

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no work item {number}; `headend work list` shows what is open")
        self.number = number


class UnknownTopUp(HeadendError):  # noqa: N818  as above
    """No top-up of that number."""

    exit_code = 2


class ExchangeConflict(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """Another message of the same sender has this id; nothing was done now."""

    exit_code = 4


class UnknownExchange(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """No message of another system with that id."""

    exit_code = 2

    def __init__(self, message_id: str) -> None:
        super().__init__(f"message {message_id!r} did not come here; `headend cim list` shows those that did")
        self.message_id = message_id


class PlanRefused(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """An instalment plan that makes no sense; nothing was booked."""

    exit_code = 2


@frozen
class Problem:
    """One thing wrong in a file to be imported: line of a CSV or number of an entry, column or field, and why.

    Line 0 and an empty column: the file as a whole.
    """

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line else []
        where += [self.column] if self.column else []
        return ": ".join(part for part in (", ".join(where), self.reason) if part)


#: So many problems are named in the text of an error; all of them are in `problems`.
_SHOWN = 20


class ImportRefused(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """A file was refused; `problems` holds everything that was found, `imported` how many lines stand all the same.

    That is none, but where somebody changed the store while the file, found good as a whole, went in.
    """

    exit_code = 2

    def __init__(self, file: str, problems: tuple[Problem, ...], imported: int = 0) -> None:
        shown = [f"  {problem}" for problem in problems[:_SHOWN]]
        rest = len(problems) - len(shown)
        more = [f"  and {rest} more"] if rest else []
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        stands = (
            f"the first {imported} lines are in; correct it and import it again" if imported else "nothing was imported"
        )
        super().__init__("\n".join([f"{file}: {count}, {stands}", *shown, *more]))
        self.file = file
        self.problems = problems
        self.imported = imported
