"""Reading the settings: all that is wrong is told at once, by the names that the user wrote."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from pixelpipe.config import Settings, variables_of, variables_set
from pixelpipe.recipes.mistakes import Explainer
from pixelpipe.recipes.presets_file import PresetFileError, read_presets

_OPTIONS = {
    "host": "--host",
    "port": "--port",
    "data_dir": "--data",
    "workers": "--workers",
    "processes": "--processes",
    "presets_file": "--presets",
}


# The prefix alone makes any two names alike by about 0.7.
_LIKE = 0.85


class SettingsError(ValueError):
    """The settings cannot be used; the message has a line for every mistake."""


def read_settings(options: Mapping[str, object]) -> Settings:
    """The settings of the environment, with options put in their place.

    Args:
        options: What the command line gave, by the name of the setting; None stands for nothing.

    Raises:
        SettingsError: A value is not allowed, or a variable is no setting; the mistakes of the
            presets file are told with these.
    """
    given = {name: value for name, value in options.items() if value is not None}
    mistakes = list(_unknown_variables())
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        mistakes = [*_bad_values(error, given), *mistakes]
    if mistakes:
        raise SettingsError("\n".join([*mistakes, *_bad_presets(given)]))
    return settings


def _bad_values(error: ValidationError, options: Mapping[str, object]) -> Iterator[str]:
    explainer = Explainer(Settings, {})
    for details in error.errors(include_url=False):
        setting = _setting(str(details["loc"][0]))
        details["loc"] = (setting,)
        yield f"{_name_given(setting, options)} {explainer.mistake(details, ()).detail}"


def _setting(name: str) -> str:
    """The setting that pydantic calls by its own name or by its first variable's."""
    return next(s for s in Settings.model_fields if name in {s, variables_of(s)[0]})


def _name_given(setting: str, options: Mapping[str, object]) -> str:
    if setting in options:
        return _OPTIONS[setting]
    return _variable_set(setting) or variables_of(setting)[0]


def _variable_set(setting: str) -> str | None:
    """The variable that gives the setting, as it was written."""
    written = {name.upper(): name for name in variables_set()}
    return next((written[name] for name in variables_of(setting) if name in written), None)


def _unknown_variables() -> Iterator[str]:
    known = [name for setting in Settings.model_fields for name in variables_of(setting)]
    for name in variables_set():
        if name.upper() not in known:
            nearest = get_close_matches(name.upper(), known, n=1, cutoff=_LIKE)
            yield f"{name} is not a setting" + "".join(f"; did you mean {n}?" for n in nearest)


def _bad_presets(options: Mapping[str, object]) -> list[str]:
    """What is wrong with the presets file that settings with mistakes name."""
    variable = _variable_set("presets_file")
    file = options.get("presets_file") or (variable and variables_set()[variable])
    try:
        read_presets(Path(str(file)) if file else None)
    except PresetFileError as error:
        return str(error).splitlines()
    return []
