"""Our packages have plain names; say so when a user's file of the same name was found first."""

import importlib.util
from pathlib import Path

import datakit

PACKAGES = ("schemas", "rewards", "train")


def shadowing_file() -> Path | None:
    """The foreign file or folder that Python would import instead of one of our packages, if there is one."""
    home = Path(datakit.__file__).parent.parent
    for name in PACKAGES:
        if not (home / name).is_dir():
            continue
        spec = importlib.util.find_spec(name)
        places = [spec.origin] if spec and spec.origin else list((spec and spec.submodule_search_locations) or [])
        for place in places:
            if not Path(place).is_relative_to(home / name):
                return Path(place)
    return None
