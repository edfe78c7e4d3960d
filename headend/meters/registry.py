"""Where meter models come from: those that ship with the package, and those that a utility adds."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from attrs import frozen

from headend.meters.errors import ModelError, UnknownModelError
from headend.meters.loading import load_model
from headend.meters.model import MeterModel


@frozen
class ModelRegistry:
    """Meter models by name."""

    models: dict[str, MeterModel]

    def get(self, name: str) -> MeterModel:
        """The model of that name; UnknownModelError tells which there are."""
        try:
            return self.models[name]
        except KeyError:
            known = ", ".join(sorted(self.models))
            raise UnknownModelError(f"no meter model is named {name!r}; known are {known}") from None


def load_registry(folders: Iterable[Path] = ()) -> ModelRegistry:
    """The shipped models and every `*.toml` of `folders`; a later one replaces one of the same name.

    A folder that does not exist holds no models. ModelError for a file that can't be used.
    """
    models = dict(shipped_models())
    for folder in folders:
        found: dict[str, Path] = {}
        for path in sorted(folder.glob("*.toml")):
            model = load_model(path)
            if model.name in found:
                raise ModelError(f"{path}: name: {model.name!r} is the model in {found[model.name].name} too")
            found[model.name] = path
            models[model.name] = model
    return ModelRegistry(models)


def shipped_models() -> dict[str, MeterModel]:
    """The models inside the package, by name."""
    models = {}
    for entry in sorted(resources.files("headend.meters").joinpath("models").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            model = load_model(entry.read_text("utf-8"), entry.name)
            models[model.name] = model
    return models
