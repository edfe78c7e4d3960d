"""Configuration: a TOML file and the environment become one frozen value; every fault names file, key and reason.

Relative paths are relative to the file. `HEADEND_<SECTION>_<KEY>` in the environment replaces a key of a section
(`HEADEND_STORE_PATH`, `HEADEND_MQTT_URL`, `HEADEND_LOG_LEVEL`).
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from headend.errors import HeadendError

DEFAULT_FILES = ("config/headend.toml", "headend.toml", "/etc/headend/headend.toml")


class SettingsError(HeadendError):
    """A configuration that can't be used; the text names file, key and the way out."""

    exit_code = 2


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; a key that it does not know is refused, since it is most often a typing error."""


class StoreSection(Section, frozen=True):
    """Where readings, accounts, journal and events are kept: in a file, or with `url` on PostgreSQL.

    `url` is `postgresql://user@host:5432/database`; the password is better left to PGPASSFILE. `path` then only names
    the lock that keeps two daemons of one host apart.
    `shed_profiles_at`: the used share of its file system from which on no profiles are read, so that recharges, the
    audit and reconnects still can be written.
    """

    path: str = "headend.db"
    url: str | None = None
    shed_profiles_at: float = 0.9


class KeysSection(Section, frozen=True):
    """Where the key-encryption key comes from, one of: a file, an environment variable, a systemd credential."""

    kek_file: str | None = None
    kek_env: str | None = None
    kek_credential: str | None = None


class CollectionSection(Section, frozen=True):
    """How the fleet is visited: visits at once (and how many of these are kept for relay work), limits per visit."""

    visits_at_once: int = 256
    kept_for_relay: int = 32
    lane_permits: int = 1
    visit_deadline_s: float = 60.0
    keep_connections: bool = True
    role: str = "setting"
    models: str | None = None


class EngineSection(Section, frozen=True):
    """Who visits the fleet: this process (`workers = 1`), or so many processes among which the lanes are divided."""

    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1


class ScheduleSection(Section, frozen=True):
    """What is read how often: `every` as `15m`, `1h30m`, `1d`, or `cron` as `5 0 * * *`, both in `time_zone`.

    `groups`, `offices` (with all below), `lanes` (patterns) and `models` say at which meters; none: at all. Slots begin
    within `window` (`00:30-05:00`), are spread over `jitter`, and run up to `catch_up` late (none: until the next).
    """

    name: str
    tasks: list[str]
    every: str | None = None
    cron: str | None = None
    groups: list[str] = []
    offices: list[str] = []
    lanes: list[str] = []
    models: list[str] = []
    jitter: str = "0s"
    window: str | None = None
    catch_up: str | None = None
    priority: int = 5
    time_zone: str = "Asia/Kolkata"
    suspend: bool = False


class ClockSection(Section, frozen=True):
    """When meters' clocks are set: off by `set_from` up to `set_up_to`, never over the boundary of an `interval`.

    `interval` divides every capture period. What is off by more becomes work for a person.
    """

    set: bool = True
    set_from: str = "15s"
    set_up_to: str = "10m"
    at_most_every: str = "1d"
    interval: str = "15m"


class PolicySection(Section, frozen=True):
    """Prepaid rules: a policy file (none: the careful built-in one), and the mode of offices that have set none.

    `second_person`: corrections of the ledger and the mode `automatic` need somebody else than who asks for them.
    `approve_alone`: the most cuts of one list that one person may approve; more need a second one.
    `judge_within`: every account is judged at least so often, visited or not; empty: visited ones only.
    """

    file: str | None = None
    mode: Literal["notify", "propose", "automatic"] = "notify"
    second_person: bool = True
    approve_alone: int = 20
    judge_within: str = "1d"


class PrepaidSection(Section, frozen=True):
    """Further files of the prepaid rules: folders of tariffs and of message texts (none: the built-in ones).

    `mirror`: balance and last recharge of accounts in the ledger are written to the meter's display objects.
    """

    tariffs: str | None = None
    messages: str | None = None
    mirror: bool = False


class ListenSection(Section, frozen=True):
    """Where meters reach us, as `HOST:PORT`: to be visited over their own call, or to push. Left out: nobody listens.

    `plain_push` takes pushes in clear, from meters that can't protect them: they become events and never readings.
    """

    dial_in: str | None = None
    push: str | None = None
    push_udp: str | None = None
    plain_push: bool = False
    connections_per_host: int = 256


class NoticesSection(Section, frozen=True):
    """Manners of messages to consumers; spans as `30s`, `6h`, `1d`. `quiet_hours` in the consumer's zone, `` for none.

    `urgent` kinds go out at any hour and are not counted into `per_day`. `code_...`: the one-time password of a change
    of number.
    """

    quiet_hours: str = "21:00-08:00"
    urgent: tuple[str, ...] = ("recharged", "restored", "cut_done", "press_button", "number_changed")
    per_day: int = 4
    same_within: str = "12h"
    valid_for: str = "24h"
    attempts: int = 5
    first_retry: str = "30s"
    longest_retry: str = "30m"
    repeat_after: str = "6h"
    repeats: int = 2
    receipt_within: str = "12h"
    undelivered_after: int = 3
    code_valid_for: str = "10m"
    code_tries: int = 3


class ChannelSection(Section, frozen=True, kw_only=True, tag_field="kind"):
    """One way out of notices: to the kinds in `notices` (none: all), in the consumer's own language or in all."""

    name: str
    notices: list[str] = []
    languages: Literal["own", "all"] = "own"
    at_once: int = 8
    attempts_a_day: int | None = None


class ReceiptsSection(Section, frozen=True):
    """Receipts of a gateway: with `url`, polled `every` so often; without, the gateway calls back."""

    url: str | None = None
    method: Literal["GET", "POST"] = "GET"
    every: str = "1m"
    id: str = "id"
    state: str = "status"
    delivered: tuple[str, ...] = ("delivered",)
    failed: tuple[str, ...] = ("failed", "undelivered", "rejected", "expired")
    error: str = "error"
    bad_number: list[str] = []


class SmsSection(ChannelSection, frozen=True, kw_only=True, tag="sms"):
    """A gateway for text messages; the placeholders and fields are explained in `config/headend.toml`."""

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: dict[str, str] = {}
    json: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    sender: str = ""
    entity: str = ""
    templates: dict[str, dict[str, str]] = {}
    prefix: str = "91"
    text_coding: str = "text"
    unicode_coding: str = "unicode"
    max_parts: int = 4
    state: str = "status"
    accepted: list[str] = []
    id: str = "id"
    error: str = "error"
    retry: list[str] = []
    bad_number: list[str] = []
    secret_env: str | None = None
    secret_file: str | None = None
    receipts: ReceiptsSection | None = None
    timeout_s: float = 20.0


class InboxSection(ChannelSection, frozen=True, kw_only=True, tag="inbox"):
    """Online messages, which the portal shows."""


class EmailSection(ChannelSection, frozen=True, kw_only=True, tag="email"):
    """A mail server."""

    host: str
    sender: str
    port: int = 587
    security: Literal["none", "starttls", "tls"] = "starttls"
    user: str | None = None
    secret_env: str | None = None
    secret_file: str | None = None
    timeout_s: float = 20.0


class WebhookSection(ChannelSection, frozen=True, kw_only=True, tag="webhook"):
    """Another system that takes notices as signed JSON."""

    url: str
    secret_env: str | None = None
    secret_file: str | None = None
    timeout_s: float = 20.0


class PaymentsSection(Section, frozen=True):
    """Payments that another system reports: the secret that signs them, one a line, the first of them the newest.

    `tolerance`: how far a signature's time may be off. `late_after`: a payment told so long after it is marked late.
    """

    secret_file: str | None = None
    secret_env: str | None = None
    secret_credential: str | None = None
    source: str = "payment gateway"
    tolerance: str = "5m"
    late_after: str = "1d"


class WebSection(Section, frozen=True):
    """Console, portal and API: where they listen (empty: nowhere), by HTTPS with a certificate and its key.

    `public_url`: how they are reached from outside, where that is another address (`https://` makes cookies secure).
    `own_process`: the daemon has another process serve them, so that pages and visits do not wait for each other.
    """

    listen: str = "127.0.0.1:8080"
    tls_cert: str | None = None
    tls_key: str | None = None
    public_url: str | None = None
    own_process: bool = True


class PortalSection(Section, frozen=True):
    """The consumers' portal. `gateway`: where is paid online; `sandbox` books play money, for trials alone.

    `offices` tells address and hours by office path. Bounds: of an address (which may be a whole village behind one
    provider) in an hour, in a quarter of an hour and in a day; of a consumer in a quarter of an hour.
    """

    gateway: Literal["", "sandbox"] = ""
    helpline: str = ""
    offices: dict[str, str] = {}
    codes_per_address: int = 60
    tries_per_address: int = 120
    accounts_per_address: int = 60
    tries_per_consumer: int = 10


class CimSection(Section, frozen=True):
    """Messages of IEC 61968-9: our name in them, and the places they may go to.

    `reply_hosts`: `host` or `host:port` that answers may be sent to; an answer to any other becomes an event.
    `event_url` takes EndDeviceEvents as they happen.
    """

    source: str = "headend"
    reply_hosts: list[str] = []
    event_url: str | None = None
    timeout_s: float = 20.0


class MqttSection(Section, frozen=True):
    """The broker that events are published to; without `url` they are kept in the database."""

    url: str | None = None
    topic_prefix: str = "headend"


class MetricsSection(Section, frozen=True):
    """Where figures (`/metrics`), health and readiness are asked for, as `HOST:PORT`; left out: nowhere."""

    listen: str | None = None


class LogSection(Section, frozen=True):
    """Logs go to stderr: `console` for people, `json` for machines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Document(Section, frozen=True):
    """The whole file."""

    store: StoreSection = StoreSection()
    keys: KeysSection = KeysSection()
    collection: CollectionSection = CollectionSection()
    engine: EngineSection = EngineSection()
    listen: ListenSection = ListenSection()
    #: Left out: what a utility needs of every meter; `schedules = []`: nothing.
    schedules: list[ScheduleSection] | None = None
    clock: ClockSection = ClockSection()
    policy: PolicySection = PolicySection()
    prepaid: PrepaidSection = PrepaidSection()
    notices: NoticesSection = NoticesSection()
    channels: list[SmsSection | InboxSection | EmailSection | WebhookSection] = []
    payments: PaymentsSection = PaymentsSection()
    cim: CimSection = CimSection()
    web: WebSection = WebSection()
    portal: PortalSection = PortalSection()
    mqtt: MqttSection = MqttSection()
    metrics: MetricsSection = MetricsSection()
    #: How long readings are kept, by profile, or `registers` for register values, as `400d`; the others for ever.
    retention: dict[str, str] = {}
    log: LogSection = LogSection()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration as the program uses it: the document, and where relative paths start."""

    source: Path
    document: Document

    @property
    def store_path(self) -> Path:
        """The database file."""
        return self.beside(self.document.store.path)

    def beside(self, path: str) -> Path:
        """A path of the file, relative to the file."""
        return self.source.parent / Path(path).expanduser()


def load_settings(path: str | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read `path` (None: the first of DEFAULT_FILES that exists) and the environment. Raises SettingsError."""
    source = _found(path)
    environment = os.environ if environment is None else environment
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{source}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{source}: not valid TOML: {error}") from error
    try:
        return Settings(source=source.resolve(), document=_document(raw, environment))
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {_readable(str(error))}") from error


def _document(raw: dict[str, object], environment: Mapping[str, str]) -> Document:
    for name, section in Document.__annotations__.items():
        if not (isinstance(section, type) and issubclass(section, Section)):
            continue
        table = raw.setdefault(name, {})
        for key in section.__struct_fields__:
            value = environment.get(f"HEADEND_{name}_{key}".upper())
            if value is not None and isinstance(table, dict):
                table[key] = value
    # Values from the environment are text, so numbers in text are accepted; the file's own types are strict enough.
    return msgspec.convert(raw, Document, strict=False)


def _found(path: str | None) -> Path:
    if path is not None:
        return Path(path)
    for candidate in DEFAULT_FILES:
        if Path(candidate).exists():
            return Path(candidate)
    raise SettingsError(
        f"no configuration found ({', '.join(DEFAULT_FILES)}); name one with --config FILE or HEADEND_CONFIG, "
        "or start from the config/headend.toml of the source"
    )


def _readable(text: str) -> str:
    """Msgspec's `Expected int, got str - at $.collection.lane_permits` as `[collection.lane_permits]: expected …`."""
    reason, _, where = text.partition(" - at `$")
    key = where.strip("`.").lstrip(".") or "the file"
    return f"{key}: {reason[:1].lower()}{reason[1:]}"
