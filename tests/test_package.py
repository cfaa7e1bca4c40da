"""What `pip install .` takes along: a wheel has only Python files, unless pyproject.toml names others."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_file_of_the_packages_is_in_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    for package in ("schemas", "rewards", "datakit"):
        named = settings["package-data"].get(package, [])
        for file in (ROOT / package).rglob("*"):
            if file.is_file() and file.suffix not in {".py", ".pyc"}:
                name = str(file.relative_to(ROOT / package))
                assert any(fnmatch(name, pattern) for pattern in named), f"{file}: name it in package-data"
