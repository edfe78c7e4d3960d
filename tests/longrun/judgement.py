"""What must hold after a campaign, judged by the oracle: every wrong thing as a text, and the figures."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from attrs import define
from campaign import HOUR, RULES, Campaign
from oracle import OFF, ON, Account, moment_of, over_caps
from simulated_time import START

from headend.commands.model import State, Target
from headend.prepaid.model import Mode

#: What a home draws between the reading of a register and the commit, on a line that is slow.
MOST_WHILE_READING_WH = 50


@define(eq=False)
class Judgement:
    """Judges one campaign that has come to its end, while its house still stands."""

    ran: Campaign

    async def verdict(self):
        """Everything that is wrong, as texts, and the figures."""
        wrong, spans = [], []
        edges = cuts = 0
        accounts = self._recomputed()
        moves = await self._sent()
        sent = {meter: [f"{target} {at}" for target, at in each] for meter, each in moves.items()}
        notices, replaced = await self._notices(), await self._replaced()
        by_office = []
        for meter in self.ran.house.fleet.meters:
            account = accounts[meter]
            for number, edge in enumerate(meter.relay.edges):
                # The simulator cuts to whole milliseconds: the end of this one is no earlier than the move itself.
                at = datetime.fromtimestamp((edge.at + 1) / 1000, UTC)
                edges += 1
                target = Target.CONNECTED if edge.connected else Target.DISCONNECTED
                permit = _take(moves[meter], target, at, self.ran.skews)
                if permit is None:
                    wrong.append(f"{meter.identity.serial}: moved at {at} without a command of its own: {sent[meter]}")
                elif edge.connected:
                    spans.append(self._dark(meter, account, meter.relay.edges[number - 1], at))
                else:
                    cuts += 1
                    by_office.append((at, self.ran.office(meter)))
                    wrong += [
                        f"{meter.identity.serial} at {at}: {why}" for why in self._why_wrong(meter, account, permit)
                    ]
            wrong += self._ends_well(meter, account, notices[meter], replaced[meter.identity.serial])
        wrong += over_caps(RULES, by_office)
        wrong += await self._ledger(accounts)
        wrong += await self._journal()
        stats = self.ran.house.simulation.stats()
        wrong += [f"{name}: {stats[name]}" for name in ("duplicate_actuations", "counters_reused") if stats[name]]
        wrong += [str(finding) for finding in (await self.ran.house.store.check()).findings]
        return wrong, self._figures(cuts, edges - cuts, sorted(span for span in spans if span is not None), stats)

    def _why_wrong(self, meter, account, at):
        since, house = account.below_since(at), self.ran.skews.house
        if account.lowest_around(at) >= 0 or since is None:
            return [f"in credit, {account.at(at)} paise"]
        told = [there for written, there in self.ran.delivered.get(meter, ()) if written >= house(since) - HOUR]
        allowed = self.ran.modes[self.ran.office(meter)].at(at)
        approved = any(timedelta(0) <= at - moment < 4 * HOUR for moment in self.ran.released[meter])
        checks = {
            f"below zero only since {since}": house(at) - house(since) < RULES.grace,
            "nobody was told in time": not any(house(at) - house(there) >= RULES.notice_age for there in told),
            "a protected consumer": meter.identity.number % 12 == 0,
            "at a forbidden time": RULES.closed(at),
            "against the kill switch": OFF not in self.ran.killed.at(at),
            "disarmed": ON not in self.ran.armed.at(at),
            f"against the mode {allowed}": Mode.AUTOMATIC not in allowed and not (Mode.PROPOSE in allowed and approved),
            "by a clock that is wrong": OFF not in self.ran.wrong_clock[meter].at(at),
            "though another meter stood there": OFF not in self.ran.wrong_meter[meter].at(at),
            "while our own clock was wrong": all(
                abs(skew) > RULES.clock_limit for skew in self.ran.skews.history.at(at)
            ),
        }
        return [why for why, holds in checks.items() if holds]

    def _dark(self, meter, account, cut, restored):
        """How long supply was off though it was paid for; None where it never was."""
        began = datetime.fromtimestamp(cut.at / 1000, UTC)
        paid = [each.at for each in self.ran.payments[meter] if each.at <= restored and account.at(each.at) > 0]
        return None if not paid else restored - max(began, _first_since(paid, account, restored))

    def _ends_well(self, meter, account, notices, replaced):
        serial, relay = meter.identity.serial, meter.relay
        if account.balance > 0 and not relay.output_state:
            yield f"{serial}: in the dark with {account.balance} paise"
        cuts = sum(not edge.connected for edge in relay.edges)
        for what, kind, happened in (("cut", "cut_done", cuts), ("restored", "restored", len(relay.edges) - cuts)):
            # A cut whose answer was lost, and that was paid for before it was read, is over when the house knows of it.
            if not happened - replaced <= notices[kind] <= happened:
                yield f"{serial}: {what} {happened} times, {replaced} of them over, and told {notices[kind]} times"

    def _recomputed(self):
        house, accounts = self.ran.house, {}
        for meter in house.fleet.meters:
            readings = house.readings(meter)
            for true, _, wh in readings:
                drawn = meter.consumption.energy(meter.local(round(true.timestamp() * 1000))) / 1000
                assert abs(drawn - wh) < MOST_WHILE_READING_WH, (meter.identity.serial, true, drawn, wh)
            self.ran.happened["readings"] += len(readings)
            opening, payments = meter.plan.opening_balance, self.ran.payments[meter]
            accounts[meter] = Account.recomputed(opening, START, readings, payments)
        return accounts

    async def _ledger(self, accounts):
        found = []
        rows = await self.ran.house.query(
            "SELECT m.serial, l.kind, sum(l.amount), count(*) FROM ledger l JOIN accounts a ON a.id = l.account"
            " JOIN meters m ON m.consumer_no = a.consumer_no GROUP BY m.serial, l.kind"
        )
        booked = {(serial, kind): (paise, count) for serial, kind, paise, count in rows}
        for meter, account in accounts.items():
            serial = meter.identity.serial
            expected = {"opening": account.opening, "recharge": account.paid}
            expected |= {kind: -paise for kind, paise in account.bill.charged.items()}
            for kind, paise in expected.items():
                if booked.get((serial, kind), (0, 0))[0] != paise:
                    found.append(f"{serial}: {kind} {booked.get((serial, kind))} in the ledger, {paise} recomputed")
            count = booked.get((serial, "recharge"), (0, 0))[1]
            if count != len(self.ran.payments[meter]):
                found.append(f"{serial}: {count} recharges booked of {len(self.ran.payments[meter])}")
            self.ran.happened["ledger entries"] += sum(
                number for (owner, _), (_, number) in booked.items() if owner == serial
            )
        return found

    async def _journal(self):
        """Every command has come to its end, and what was confirmed was read back."""
        return [
            f"command {command.id} of {command.meter} is {command.state}"
            for command in await self.ran.house.commands()
            if command.state in (State.SENDING, State.UNKNOWN, State.REQUESTED)
            or (command.state is State.CONFIRMED and '"after":{' not in (command.evidence or "").replace(" ", ""))
        ]

    async def _sent(self):
        rows = await self.ran.house.query(
            "SELECT m.serial, c.target, s.at FROM command_steps s JOIN commands c ON c.id = s.command"
            " JOIN meters m ON m.id = c.meter WHERE s.after = 'sending' ORDER BY s.id"
        )
        sent = {meter: [] for meter in self.ran.house.fleet.meters}
        for serial, target, at in rows:
            sent[self.ran.house.fleet.by_serial(serial)].append((Target(target), moment_of(at)))
        return sent

    async def _replaced(self):
        """How many cuts of a meter were replaced by a reconnect before anybody knew that they had been made."""
        rows = await self.ran.house.query(
            "SELECT m.serial FROM commands c JOIN meters m ON m.id = c.meter"
            " WHERE c.target = 'disconnected' AND c.state = 'confirmed' AND c.superseded_by IS NOT NULL"
        )
        self.ran.happened["cuts paid for before they were known"] += len(rows)
        return Counter(serial for (serial,) in rows)

    async def _notices(self):
        rows = await self.ran.house.query(
            "SELECT m.serial, n.kind, count(*) FROM notices n JOIN accounts a ON a.id = n.account"
            " JOIN meters m ON m.consumer_no = a.consumer_no GROUP BY m.serial, n.kind"
        )
        told = {meter: Counter() for meter in self.ran.house.fleet.meters}
        for serial, kind, count in rows:
            told[self.ran.house.fleet.by_serial(serial)][kind] = count
            self.ran.happened["notices"] += count
        return told

    def _figures(self, cuts, restored, spans, stats):
        done = ", ".join(f"{count} {what}" for what, count in sorted(self.ran.happened.items()))
        middle = f"{spans[len(spans) // 2]} median, {spans[-1]} longest" if spans else "none"
        return (
            f"seed {self.ran.seed}: {self.ran.days} days x {len(self.ran.house.fleet.meters)} meters: {cuts} cuts,"
            f" {restored} restored (paid to restored: {middle}), {stats['faults']} faults of lines;"
            f" {done}; relay edges doubled {stats['duplicate_actuations']}, counters reused {stats['counters_reused']}"
        )


def _first_since(paid, account, restored):
    """The first of these payments since which the balance never fell below zero again."""
    below = [at for at, balance in account.points if balance <= 0 and at < restored]
    return min((at for at in paid if not below or at >= below[-1]), default=restored)


def _take(sent, target, at, skews):
    """The true time of the permit of the command that moved a relay to that side; each counts once."""
    for entry in sent:
        # The simulator counts whole milliseconds.
        if entry[0] is target and timedelta(seconds=-1) < skews.house(at) - entry[1] < timedelta(minutes=3):
            sent.remove(entry)
            return skews.true(entry[1], at - timedelta(minutes=3))
    return None
