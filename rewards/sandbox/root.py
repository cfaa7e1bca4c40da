"""The file system that a program sees: the standard library, shared libraries, five devices and its own /tmp."""

import os
import sys
from pathlib import Path

from rewards.sandbox import kernel

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_OLD = Path("/old")

TMP = "/tmp"
"""Where a program may write."""


def enter() -> None:
    """Move this process, alone in its mount namespace, into a new root and let go of the old one.

    Everything is bound read-only. There is no /proc, /sys, /etc, /home or /run.

    Raises:
        OSError: the system does not let us.
    """
    kernel.mount("none", "/", flags=kernel.RECURSIVE | kernel.PRIVATE)
    # any directory serves; what is below it stays reachable through the old root
    kernel.mount("root", "/tmp", "tmpfs", kernel.NOSUID | kernel.NODEV, "size=1m,mode=755")
    Path("/tmp/old").mkdir()
    kernel.pivot_root("/tmp", "/tmp/old")
    os.chdir("/")
    for path in _shown():
        _show(path)
    for device in _DEVICES:
        _show_device(Path(device))
    Path("/tmp").mkdir(exist_ok=True)
    kernel.unmount(str(_OLD))
    _OLD.rmdir()
    kernel.make_read_only("/", all_below=False)


def private_tmp(size_mb: int) -> None:
    """Give this process, alone in its mount namespace, a /tmp in memory; it goes with the namespace."""
    options = f"size={size_mb}m,nr_inodes=4096,mode=1777"
    kernel.mount("tmp", "/tmp", "tmpfs", kernel.NOSUID | kernel.NODEV, options)


def _shown() -> list[Path]:
    """The folders to show; one that lies in another is there already."""
    shown: list[Path] = []
    for path in map(Path, (*_LIBRARIES, *sys.path)):  # sys.path of the guard: the standard library alone
        if _old(path).exists() and not any(path.is_relative_to(other) for other in shown):
            shown.append(path)
    return shown


def _show(path: Path) -> None:
    if _old(path).is_symlink():  # /lib -> usr/lib
        path.symlink_to(_old(path).readlink())
        return
    path.mkdir(parents=True, exist_ok=True)
    kernel.mount(str(_old(path)), str(path), flags=kernel.BIND | kernel.RECURSIVE)
    kernel.make_read_only(str(path), all_below=True)


def _show_device(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    kernel.mount(str(_old(path)), str(path), flags=kernel.BIND)


def _old(path: Path) -> Path:
    return _OLD / path.relative_to("/")
