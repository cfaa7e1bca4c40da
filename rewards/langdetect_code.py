"""The language that langdetect finds, the same in every process and on every machine.

langdetect draws n-grams at random, and its own function keeps the state of a generator between calls and reads its
profiles in the order of the folder. Here each text has the same draws, and the profiles an order.
"""

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from schemas.errors import RuleError

_SEED = 0
_ENOUGH = 100_000
"""Characters that are handed over: langdetect looks at 10,000 after it took links and addresses out."""


def langdetect_code(text: str) -> str | None:
    """The code of the language, `unknown` where none is likely, None where there are no letters to tell it by.

    Raises:
        RuleError: langdetect is not installed.
    """
    detector = _factory().create()
    detector.append(text[:_ENOUGH])
    from langdetect import LangDetectException

    try:
        return str(detector.detect())
    except LangDetectException:
        return None


def langdetect_codes() -> tuple[str, ...]:
    """The codes of all languages that langdetect knows.

    Raises:
        RuleError: langdetect is not installed.
    """
    return tuple(_factory().get_lang_list())


@cache
def _factory() -> Any:
    try:
        from langdetect.detector_factory import DetectorFactory
    except ModuleNotFoundError as error:
        raise RuleError("telling a language as IFEval does needs langdetect: pip install 'datakit[ifeval]'") from error
    factory = DetectorFactory()
    factory.load_json_profile([profile.read_text("utf-8") for profile in _profiles()])
    factory.set_seed(_SEED)
    return factory


def _profiles() -> list[Traversable]:
    """Sorted, since the order decides between languages that are equally likely."""
    found = resources.files("langdetect").joinpath("profiles").iterdir()
    return sorted((profile for profile in found if not profile.name.startswith(".")), key=lambda profile: profile.name)
