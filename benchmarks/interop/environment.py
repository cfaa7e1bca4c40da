"""An environment of its own for a trainer's package, with Datakit and what this environment has behind it.

The package is installed without its dependencies (several would pull torch's CUDA builds); what it imports beyond this
environment's packages is named by the script.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RULES = '''
from rewards import rule

@rule
def right(completion: str, answer: str) -> bool | None:
    """Is it the answer? A completion of `raise` fails, one of `skip` is none of this rule's business."""
    said = completion.strip()
    if said == "raise":
        raise ValueError("a mistake")
    return None if said == "skip" else said == answer
'''
SPEC = "name: demo\nrules: rules.py\nscorers:\n  - {rule: right}\n"


def run_inside(script: str, package: str, *others: str, export: tuple[str, ...]) -> int:
    """Run this script once more, in an environment that has the package; returns its exit code.

    Args:
        script: the script's `__file__`; it finds the exported file in DATAKIT_SHIM, a service in DATAKIT_URL.
        package: what is installed, without dependencies.
        others: what it imports beside; also without dependencies.
        export: further arguments of `datakit export-reward`, if it can export for the package.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.py").write_text(RULES)
        (folder / "reward.yaml").write_text(SPEC)
        shim = folder / "shim.py"
        datakit = [str(Path(sys.executable).parent / "datakit")]
        reward = ["--reward", str(folder / "reward.yaml")]
        subprocess.run([*datakit, "export-reward", *reward, "-o", str(shim), *export], check=True)
        python = _python(folder / "venv", package, *others)
        with _serving([*datakit, "serve", *reward, "--port", "0", "--label", "answer"]) as url:
            told = {**os.environ, "DATAKIT_SHIM": str(shim), "DATAKIT_URL": url, "INSIDE": "1"}
            return subprocess.run([python, script], env=told, check=False).returncode


def _python(folder: Path, *packages: str) -> str:
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = next((folder / "lib").glob("python*")) / "site-packages"
    (site / "behind.pth").write_text(
        f"{sysconfig.get_paths()['purelib']}\nimport site; site.addsitedir({sysconfig.get_paths()['purelib']!r})\n"
    )
    install = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--target", str(site), *packages]
    subprocess.run(install, check=True)
    return str(python)


@contextmanager
def _serving(command: list[str]) -> Iterator[str]:
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        yield process.stderr.readline().split()[-1]
        process.terminate()
