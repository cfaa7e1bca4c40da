"""The Linux calls that a sandbox is made of, which Python 3.11 does not have; each raises OSError with its name."""

import ctypes
import os
import platform
import resource
import signal
from functools import cache

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
"""Namespaces for `unshare` (linux/sched.h)."""

BIND, RECURSIVE, PRIVATE, NOSUID, NODEV = 0x1000, 0x4000, 0x40000, 0x2, 0x4
"""Flags of `mount` (linux/mount.h)."""

_SYSCALLS = {
    "x86_64": {"pivot_root": 155, "capset": 126, "mount_setattr": 442},
    "aarch64": {"pivot_root": 41, "capset": 91, "mount_setattr": 442},
}
_PDEATHSIG, _SECCOMP, _NO_NEW_PRIVS = 1, 22, 38
_DETACH = 2
_READ_ONLY = 0x1 | 0x2 | 0x4  # MOUNT_ATTR_RDONLY, _NOSUID, _NODEV
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_CAPABILITY_VERSION = 0x20080522


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(name: str, result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _syscall(name: str, *arguments: object) -> None:
    numbers = _SYSCALLS.get(platform.machine())
    if numbers is None:
        raise OSError(0, f"no sandbox on {platform.machine()}, only on {', '.join(_SYSCALLS)}")
    _checked(name, _libc().syscall(numbers[name], *arguments))


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked("unshare", _libc().unshare(flags))


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system, or a path with `BIND`."""
    arguments = source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    _checked(f"mount {target}", _libc().mount(*arguments))


def unmount(target: str) -> None:
    """Take a mount and all below it away."""
    _checked("umount", _libc().umount2(target.encode(), _DETACH))


def make_read_only(path: str, *, all_below: bool) -> None:
    """No writing, devices or set-user-id on a mount, or with all mounts below it, in one call (Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _syscall(
        "mount_setattr", _AT_FDCWD, path.encode(), _AT_RECURSIVE if all_below else 0, ctypes.byref(attributes), size
    )


def pivot_root(root: str, old: str) -> None:
    """Make a mount the root; the old root is then at `old`."""
    _syscall("pivot_root", root.encode(), old.encode())


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that made it ends."""
    _prctl("PR_SET_PDEATHSIG", _PDEATHSIG, signal.SIGKILL)


def drop_privileges() -> None:
    """Give up all capabilities, for good."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _syscall("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    _prctl("PR_SET_NO_NEW_PRIVS", _NO_NEW_PRIVS, 1)


def filter_syscalls(program: bytes) -> None:
    """Install a seccomp filter, which nothing can take away again.

    Args:
        program: instructions of 8 bytes (struct sock_filter).
    """
    code = ctypes.create_string_buffer(program, len(program))

    class _Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    given = _Program(len(program) // 8, ctypes.addressof(code))
    _prctl("PR_SET_SECCOMP", _SECCOMP, 2, ctypes.addressof(given))


def _prctl(name: str, option: int, *arguments: int) -> None:
    padded = [*arguments, *[0] * (4 - len(arguments))]
    _checked(f"prctl {name}", _libc().prctl(option, *map(ctypes.c_ulong, padded)))


def lift_limits() -> None:
    """Raise the limits that were inherited to what they may be; the worker's are too small for what is to come."""
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard, hard))
