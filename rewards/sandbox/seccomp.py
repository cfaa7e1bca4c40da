"""The system calls that a program may not make (seccomp-bpf; linux/filter.h, linux/seccomp.h).

Namespaces hide what is outside. The filter closes what they leave open: sockets that belong to no network namespace
(vsock reaches the host of a virtual machine), memory that no limit counts (memfd, System V), and the kernel's
less trodden paths. It also keeps the program from cutting the line by which it dies with its keeper.
"""

import errno
import platform
import struct

_FORBIDDEN = {
    # name: (x86_64, aarch64)
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "personality": (135, 92),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
}
_FORKS = (57, 58)  # fork, vfork; aarch64 has neither
_CLONE, _CLONE3, _PRCTL = (56, 220), (435, 435), (157, 167)
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h

_NEW_NAMESPACE = 0x7E020000  # every CLONE_NEW*
_THREAD = 0x10000  # CLONE_THREAD
_X32 = 0x40000000
_PDEATHSIG = 1

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def deny_list(*, fork: bool) -> bytes:
    """The filter, for `kernel.filter_syscalls`.

    Args:
        fork: whether processes may be started; threads always may.
    """
    machine = platform.machine()
    place = list(_ARCHITECTURES).index(machine)
    refuse, absent = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    code = [_op(_LOAD, _ARCHITECTURE), _op(_EQUAL, _ARCHITECTURES[machine], 1, 0), _op(_RETURN, _KILL)]
    code += [_op(_LOAD, _NUMBER), _op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, refuse)]
    numbers = [pair[place] for pair in _FORBIDDEN.values()]
    if not fork and machine == "x86_64":
        numbers += _FORKS
    for number in numbers:
        code += [_op(_EQUAL, number, 0, 1), _op(_RETURN, refuse)]
    # the flags of clone3 lie in memory, out of a filter's sight; without it the C library uses clone
    code += [_op(_EQUAL, _CLONE3[place], 0, 1), _op(_RETURN, absent)]
    code += [_op(_EQUAL, _PRCTL[place], 0, 4), _op(_LOAD, _FIRST_ARGUMENT)]
    code += [_op(_EQUAL, _PDEATHSIG, 0, 1), _op(_RETURN, refuse), _op(_RETURN, _ALLOW)]
    task = [_op(_LOAD, _FIRST_ARGUMENT), _op(_ANY_BIT, _NEW_NAMESPACE, 0 if fork else 1, 1 if fork else 0)]
    task += [] if fork else [_op(_ANY_BIT, _THREAD, 1, 0)]
    task += [_op(_RETURN, refuse)]
    code += [_op(_EQUAL, _CLONE[place], 0, len(task)), *task, _op(_RETURN, _ALLOW)]
    return b"".join(code)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; the last two are how many to skip after a comparison."""
    return struct.pack("HBBI", code, if_true, if_false, value)
