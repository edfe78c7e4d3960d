"""Everything that the configuration names, read and checked before anything is opened."""

import os
from datetime import timedelta
from pathlib import Path

from attrs import evolve, frozen

from headend.app.complete import clock_rules
from headend.app.monitoring_retention import read_retention
from headend.app.schedules import read_schedules
from headend.app.sweeping import read_judge_within
from headend.app.ways import read_manners, read_outlets
from headend.errors import HeadendError
from headend.meters.registry import ModelRegistry, load_registry
from headend.notify.manners import Manners
from headend.notify.mqtt import MqttSettings
from headend.notify.routing import Outlet, Routing
from headend.notify.texts import Texts, default_texts, parse_templates
from headend.prepaid.calendar import Closures
from headend.prepaid.model import Account, AccountView
from headend.prepaid.policy import Policy
from headend.prepaid.rules import default_policy, default_tariff, parse_policy, parse_tariff
from headend.prepaid.tariff import Tariff
from headend.scheduler.clocks import ClockRules
from headend.scheduler.judge import Rules
from headend.scheduler.lanes import LaneRules
from headend.scheduler.plan import Schedule
from headend.settings import Settings, SettingsError
from headend.storage.kek import Kek, find_kek
from headend.storage.retention import Keep


class NoTariff(HeadendError):  # noqa: N818  an answer, not a fault
    """An account names a tariff that is not configured; nothing was charged."""

    exit_code = 2


@frozen
class Setup:
    """What the configuration names, read whole: a fault in any of it refuses all of it."""

    settings: Settings
    models: ModelRegistry
    policy: Policy
    tariffs: dict[str, Tariff]
    texts: Texts
    schedules: tuple[Schedule, ...]
    lanes: LaneRules
    clock: ClockRules
    mqtt: MqttSettings | None
    manners: Manners
    outlets: tuple[Outlet, ...]
    keeps: tuple[Keep, ...]
    judge_within: timedelta | None

    @classmethod
    def read(cls, settings: Settings) -> "Setup":
        """Read every file that the configuration names. Raises SettingsError and its like, naming file and key."""
        document = settings.document
        models = document.collection.models
        known = load_registry([settings.beside(models)] if models else [])
        return cls(
            settings=settings,
            models=known,
            policy=_policy(settings),
            tariffs=_tariffs(settings),
            texts=_texts(settings),
            schedules=read_schedules(settings, known),
            lanes=_lanes(settings),
            clock=clock_rules(settings),
            mqtt=_mqtt(settings),
            manners=read_manners(settings),
            outlets=read_outlets(settings),
            keeps=read_retention(settings, known),
            judge_within=read_judge_within(settings),
        )

    def rules(self) -> Rules:
        """What accounts are judged by."""
        return Rules(
            policy_for=self.policy_for, tariff_for=self.tariff_for, texts=self.texts, routing=Routing(self.outlets)
        )

    def policy_for(self, view: AccountView) -> Policy:
        """The policy of an account: one for the house today, with what officers added to its calendar."""
        return self.policy_beside(view.closures)

    def policy_beside(self, closures: Closures) -> Policy:
        """The policy with further hours and days without cuts."""
        return evolve(self.policy, calendar=self.policy.calendar.beside(closures)) if closures else self.policy

    def tariff_for(self, account: Account) -> Tariff:
        """The tariff of an account; raises NoTariff."""
        try:
            return self.tariffs[account.tariff]
        except KeyError:
            known = ", ".join(sorted(self.tariffs))
            raise NoTariff(
                f"consumer {account.consumer_no}: no tariff is named {account.tariff!r}; known are {known}"
            ) from None

    def kek(self) -> Kek | None:
        """The key-encryption key, None where none is configured; raises KekError for one that can't be used."""
        keys = self.settings.document.keys
        if keys.kek_env is not None:
            value = os.environ.get(keys.kek_env)
            if value is None:
                raise SettingsError(f"{self.settings.source}: keys.kek_env: {keys.kek_env} is not set")
            return find_kek({"HEADEND_KEK": value})
        if keys.kek_credential is not None:
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            if folder is None:
                raise SettingsError(
                    f"{self.settings.source}: keys.kek_credential: no CREDENTIALS_DIRECTORY from systemd"
                )
            return find_kek({}, Path(folder) / keys.kek_credential)
        file = None if keys.kek_file is None else self.settings.beside(keys.kek_file)
        if file is not None and not file.exists():
            raise SettingsError(f"{file}: there is no key-encryption key yet; make one with `headend keys init`")
        return find_kek(os.environ, file)


def _policy(settings: Settings) -> Policy:
    file = settings.document.policy.file
    return default_policy() if file is None else parse_policy(*_read(settings, "policy.file", settings.beside(file)))


def _tariffs(settings: Settings) -> dict[str, Tariff]:
    shipped = default_tariff()
    tariffs = {shipped.name: shipped}
    for path in _folder(settings, "prepaid.tariffs", settings.document.prepaid.tariffs):
        tariff = parse_tariff(*_read(settings, "prepaid.tariffs", path))
        tariffs[tariff.name] = tariff
    return tariffs


def _texts(settings: Settings) -> Texts:
    templates = dict(default_texts().templates)
    for path in _folder(settings, "prepaid.messages", settings.document.prepaid.messages):
        text, source = _read(settings, "prepaid.messages", path)
        templates[path.stem] = parse_templates(text, path.stem, source, templates.get(path.stem))
    return Texts(templates)


def _folder(settings: Settings, key: str, folder: str | None) -> list[Path]:
    if folder is None:
        return []
    path = settings.beside(folder)
    if not path.is_dir():
        raise SettingsError(f"{settings.source}: {key}: {path} is not a folder")
    return sorted(path.glob("*.toml"))


def _read(settings: Settings, key: str, path: Path) -> tuple[str, str]:
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except OSError as error:
        raise SettingsError(f"{settings.source}: {key}: {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text") from error


def _lanes(settings: Settings) -> LaneRules:
    collection = settings.document.collection
    try:
        return LaneRules(
            process=collection.visits_at_once, kept=collection.kept_for_relay, per_lane=collection.lane_permits
        )
    except ValueError as error:
        raise SettingsError(f"{settings.source}: collection: {error}") from error


def _mqtt(settings: Settings) -> MqttSettings | None:
    mqtt = settings.document.mqtt
    return None if mqtt.url is None else MqttSettings.parse(mqtt.url, mqtt.topic_prefix)
