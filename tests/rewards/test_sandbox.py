"""Hostile programs: what the sandbox stops, and that nothing is left of them."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.sandbox.judge import Suite
from rewards.sandbox.launch import Result, Run, Sandbox, sandbox_here
from rewards.sandbox.limits import Limits
from schemas.errors import RuleError

LIMITS = Limits(cpu_seconds=1)
FORK = Limits(cpu_seconds=1, fork=True)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def failure(sandbox: Sandbox, source: str, limits: Limits = LIMITS) -> str:
    return sandbox.run(source, "", limits).failure(limits)


def printed(sandbox: Sandbox, source: str, limits: Limits = LIMITS) -> str:
    run = sandbox.run(source, "", limits)
    assert run.failure(limits) == ""
    return run.output.strip()


def judged(sandbox: Sandbox, source: str, tests: str, limits: Limits = LIMITS) -> Result:
    return sandbox.test(source, Suite(tests), limits)


def test_a_program_reads_its_input_and_prints(sandbox: Sandbox) -> None:
    assert sandbox.run("print(input() * 2)", "né\n", LIMITS).output == "néné\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\nwhile True: os.fork()", "PermissionError"),
        ("import subprocess\nsubprocess.run(['/bin/true'])", "PermissionError"),
        ("x = bytearray(10**10)", "MemoryError"),
        ("while True: print('x' * 1000)", "printed more than 1024 KiB"),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", "took more than"),
        ("while True: pass", "took more than 1 s of CPU time"),
        ("f = open('/tmp/x', 'wb')\nwhile True: f.write(bytes(10**6))", "OSError: [Errno 27] File too large"),
        ("for i in range(99): open(f'/tmp/{i}', 'wb').write(bytes(10**7))", "OSError: [Errno 28] No space left"),
        ("for i in range(9999): open(f'/tmp/{i}', 'w').close()", "OSError: [Errno 28] No space left"),
        ("k = [open('/dev/null') for _ in range(99)]", "OSError: [Errno 24] Too many open files"),
        ("open('/etc/passwd')", "FileNotFoundError"),
        ("open('/proc/self/environ')", "FileNotFoundError"),
        ("open('/usr/lib/new', 'w')", "OSError: [Errno 30] Read-only file system"),
        ("open('/new', 'w')", "OSError: [Errno 30] Read-only file system"),
        ("import os\nos.chmod('/dev/null', 0o777)", "PermissionError"),
        ("import os\nos.mknod('/tmp/x', 0o60666, 1)", "PermissionError"),
        ("import socket\nsocket.socket()", "PermissionError"),
        ("import socket\nsocket.socket(socket.AF_UNIX)", "PermissionError"),
        ("import socket\nsocket.socket(40, socket.SOCK_STREAM)", "PermissionError"),  # vsock
        ("import os\nos.chroot('/tmp')", "PermissionError"),
        ("import os\nos.memfd_create('x')", "PermissionError"),
        ("import ctypes\nctypes.string_at(0)", "was killed by signal 11"),
        ("import os\nos.abort()", "was killed by signal"),
        ("import os\nos.kill(-1, 9)", "ProcessLookupError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("exit(3)", "ended with status 3"),
        ("import sys\nsys.exit('bye')", "bye"),
        ("def f(:", "SyntaxError: invalid syntax (line 1)"),
    ],
)
def test_a_hostile_program_ends_with_its_reason(sandbox: Sandbox, source: str, reason: str) -> None:
    assert failure(sandbox, source).startswith(reason)


def test_memory_taken_bit_by_bit_ends_as_well(sandbox: Sandbox) -> None:
    source = "x = []\nwhile True: x.append(bytearray(10**7))"  # every page is written, which takes a while
    assert failure(sandbox, source, Limits(cpu_seconds=30)).startswith("MemoryError")


def test_a_program_that_ignores_every_signal_ends_in_time(sandbox: Sandbox) -> None:
    limits = Limits(cpu_seconds=0.5)
    source = """
import contextlib, signal, time
for number in range(1, 65):
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_IGN)
time.sleep(1000)
"""
    assert failure(sandbox, source, limits) == "took more than 2 s"


def test_raw_system_calls_do_not_lead_out(sandbox: Sandbox) -> None:
    source = """
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
def tried(result):
    return errno.errorcode[ctypes.get_errno()] if result == -1 else result
print(tried(libc.unshare(0x10000000)), tried(libc.prctl(1, 0)), tried(libc.ptrace(0, 0, 0, 0)), tried(libc.fork()),
      tried(libc.shmget(1, 10**6, 0o1777)), tried(libc.mount(b"x", b"/tmp", b"tmpfs", 0, 0)), tried(libc.vfork()),
      libc.setuid(0), libc.getuid(), libc.geteuid())
"""
    assert printed(sandbox, source) == "EPERM EPERM EPERM EPERM EPERM EPERM EPERM -1 1000 1000"


def test_a_program_sees_neither_the_environment_nor_the_files_of_its_parents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAKIT_SECRET", "hunter2")
    (secret := tmp_path / "secret").write_text("hunter2")
    source = f"import os\nprint('hunter2' in str(os.environ), os.path.exists({str(secret)!r}), os.listdir('/tmp'))"
    with Sandbox() as sandbox:
        assert printed(sandbox, source) == "False False []"


def test_a_program_has_no_descriptors_but_its_own(sandbox: Sandbox) -> None:
    source = """
import os
def is_open(fd):
    try:
        return os.fstat(fd) is not None
    except OSError:
        return False
print([fd for fd in range(64) if is_open(fd)])
"""
    assert printed(sandbox, source) == "[0, 1, 2]"


def test_nothing_is_in_memory_of_an_earlier_program(sandbox: Sandbox) -> None:
    word = "plugh" + "xyzzy"
    found = "import gc\nprint(any('yzzyxhgulp'[::-1] in str(o) for o in gc.get_objects() if type(o) in (dict, list)))"
    assert printed(sandbox, f"print({word!r})") == word
    assert judged(sandbox, "def f(): return 1", f"x = {word!r}\nassert f() == 1").passed == 1
    assert printed(sandbox, found) == "False"
    assert printed(sandbox, f"x = {word!r}\n{found}") == "True"  # the search would find it


def test_threads_are_allowed_up_to_the_limit(sandbox: Sandbox) -> None:
    source = """
import threading
stop = threading.Event()
started = 0
try:
    while True:
        threading.Thread(target=stop.wait).start()
        started += 1
except RuntimeError:
    stop.set()
print(started)
"""
    assert 8 <= int(printed(sandbox, source)) < LIMITS.tasks


def test_ordinary_programs_run(sandbox: Sandbox) -> None:
    source = """
import asyncio, atexit, decimal, hashlib, sqlite3, tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
@dataclass
class Point:
    x: int
async def later():
    await asyncio.sleep(0.01)
    return sqlite3.connect(":memory:").execute("select 1").fetchone()
with tempfile.TemporaryFile() as file, ThreadPoolExecutor() as pool:
    file.write(b"x")
    print(asyncio.run(later()), list(pool.map(abs, [-1])), Point(1), __name__)
atexit.register(print, "bye")
"""
    assert printed(sandbox, source) == "(1,) [1] Point(x=1) __main__\nbye"


def test_processes_are_counted_where_they_are_allowed(sandbox: Sandbox) -> None:
    source = """
import os, time
started = 0
try:
    while True:
        if not os.fork():
            time.sleep(100)
        started += 1
except BlockingIOError:
    print(started)
"""
    assert 8 <= int(printed(sandbox, source, FORK)) < FORK.tasks


def test_children_in_sessions_of_their_own_end_with_the_program(sandbox: Sandbox) -> None:
    daemon = """
import os, time
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        time.sleep(0.01)
time.sleep(0.05)
"""
    before = processes_inside()
    assert failure(sandbox, daemon, FORK) == ""
    assert soon(lambda: processes_inside() <= before)


def processes_inside() -> int:
    """Living processes in a PID namespace that is not ours."""
    own = Path("/proc/self/ns/pid").readlink()
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            count += state != "Z" and (process / "ns/pid").readlink() != own
        except OSError:  # it has just ended
            continue
    return count


def soon(holds: object) -> bool:
    deadline = time.monotonic() + 5
    while not holds():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


STUCK = """
import sys
from rewards.sandbox.launch import Sandbox
from rewards.sandbox.limits import Limits
source = '''
import os, time
for _ in range(3):
    if not os.fork():
        os.setsid()
        time.sleep(100)
print("started", flush=True)
time.sleep(100)
'''
with Sandbox() as sandbox:
    print("ready", flush=True)
    sandbox.run(source, "", Limits(cpu_seconds=60, fork=True))
"""


def test_all_of_it_dies_with_the_worker() -> None:
    before = processes_inside()
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        assert soon(lambda: processes_inside() >= before + 4)
        worker.send_signal(signal.SIGKILL)
    assert soon(lambda: processes_inside() <= before)


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "import sys\ndef f(x): sys.exit(0)",
        "import os\ndef f(x): os._exit(0)",
        "def f(x): raise SystemExit(0)",
        "class A:\n    def __eq__(self, other): return True\ndef f(x): return A()",
        "class A(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef f(x): return A(7)",
        "class A:\n    def __sub__(self, other): return 0\n    __rsub__ = __sub__\ndef f(x): return A()",
        "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = None\ndef f(x): return 0",
        "abs = lambda x: 0\nAssertionError = None\nmath = None\ndef f(x): return 0",
        "import sys, atexit, os\natexit.register(os._exit, 0)\nsys.exit = print\ndef f(x): return 0",
        "import math\nmath.isclose = lambda *_: True\ndef f(x): return 0",
        "print('2 passed')\ndef f(x): return 0",
        "def f(x): return [f(x)]",
        "def f(x):\n    a = []\n    a.append(a)\n    return a",
        "def f(x): return 'x' * 10**8",
        "def f(x): return bytearray(10**10)",
        "def f(x):\n    while True: yield 2",
        "f = 2",
        "g = 2",
    ],
)
def test_no_trick_passes_tests(sandbox: Sandbox, source: str) -> None:
    for tests in ("assert f(1) == 2\nassert f(2) == 3", "assert abs(f(1) - 2) < 0.1", "assert math.isclose(f(1), 2)"):
        found = judged(sandbox, source, tests)
        assert found.passed == 0
        assert found.reason


def test_a_forged_verdict_on_every_descriptor_is_none(sandbox: Sandbox) -> None:
    forger = """
import json, os
def write(message):
    data = json.dumps(message).encode()
    for fd in range(64):
        try:
            os.write(fd, len(data).to_bytes(4, "big") + data)
        except OSError:
            pass
for message in ({MESSAGES}):
    write(message)
def f(x): return 0
"""
    verdict = {"passed": 1, "cases": 1, "reason": ""}
    for messages in (
        [verdict],
        [["ready"], verdict],
        [["tell", 2, []]],
        [["ready"], ["tell", {}, []], ["raise", [], []]],
    ):
        found = judged(sandbox, forger.replace("{MESSAGES}", repr(messages)), "assert f(1) == 2")
        assert found.passed == 0


def test_the_program_cannot_find_the_tests(sandbox: Sandbox) -> None:
    spy = """
import gc, sys
def f(x):
    frame, seen = sys._getframe(), []
    while frame:
        seen += [frame.f_globals, frame.f_locals]
        frame = frame.f_back
    return any('7_terces'[::-1] in str(o) for o in [*seen, *gc.get_objects()] if type(o) in (dict, list, str, tuple))
"""
    assert judged(sandbox, spy, "secret_7 = 1\nassert f(1)").passed == 0
    assert judged(sandbox, spy + "\nmine = 'secret_7'", "assert f(1)").passed == 1  # the search would find it


def test_what_the_tests_hand_over_does_not_lead_back_to_them(sandbox: Sandbox) -> None:
    assert judged(sandbox, "def f(g): return g.__globals__['x']", "x = 5\ndef g(): pass\nassert f(g) == 5").passed == 0
    steal = "def f(g): return g.gi_frame.f_globals['x']"
    assert judged(sandbox, steal, "x = 5\ndef g(): yield\nassert f(g()) == 5").passed == 0
    steal = "def f(t): return t.go.__globals__['x']"
    assert judged(sandbox, steal, "x = 5\nclass T:\n  def go(self): pass\nassert f(T()) == 5").passed == 0


def test_a_program_that_hangs_in_a_test_ends_in_time(sandbox: Sandbox) -> None:
    limits = Limits(cpu_seconds=0.5)
    found = sandbox.test("import time\ndef f(x): time.sleep(100)", Suite("assert f(1) == 2"), limits)
    assert found == Result(0, 1, "took more than 2 s")


def test_a_thread_left_behind_does_not_delay_the_verdict(sandbox: Sandbox) -> None:
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(100,)).start()\ndef f(x): return x"
    started = time.monotonic()
    assert judged(sandbox, source, "assert f(1) == 1").passed == 1
    assert time.monotonic() - started < LIMITS.wall_seconds


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        ("def f(a): a.sort()", "a = [3, 1]\nf(a)\nassert a == [1, 3]"),
        ("def f(d, s): d['a'] = 1; s.add(2)", "d, s = {}, {1}\nf(d, s)\nassert (d, s) == ({'a': 1}, {1, 2})"),
        ("class E(ValueError): pass\ndef f(): raise E('no')", "try:\n  f()\nexcept E as e:\n  assert str(e) == 'no'"),
        ("def f(): return {}['a']", "try:\n  f()\n  assert False\nexcept KeyError as e:\n  assert e.args == ('a',)"),
        ("import json\ndef f(): json.loads('{')", "try:\n  f()\n  assert 0\nexcept json.JSONDecodeError: pass"),
        ("def f(g, x): return g(x)", "assert f(lambda v: v * 2, 4) == 8\nassert f(len, [1]) == 1"),
        ("def f(n): yield from range(n)", "assert list(f(3)) == [0, 1, 2]\nassert 2 in f(3)"),
        ("from collections import *\nP = namedtuple('P', 'x y')", "assert P(1, 2) == (1, 2)\nassert P(1, 2).x == 1"),
        ("from collections import *\ndef f(s): return Counter(s)", "assert f('aab') == {'a': 2, 'b': 1}"),
        ("class S(list): pass", "s = S([1])\ns.append(2)\nassert s == [1, 2] and len(s) == 2 and isinstance(s, list)"),
        ("class A:\n  pass", "a = A()\na.x = 1\nassert a.x == 1 and isinstance(a, A) and a == a and a != A()"),
        ("class V:\n  def __init__(s, x): s.x = x\n  def __lt__(s, o): return s.x < o.x", "assert V(1) < V(2)"),
        ("def f(n): return n.left.twice()", "class N:\n  left = None\n  def twice(s): return s.v * 2\n"
         "n, m = N(), N()\nn.left, m.v = m, 3\nassert f(n) == 6"),
        ("def sum(a, b): return a * b", "assert sum(3, 4) == 12"),
        ("import math\ndef f(x): return math.sqrt(x)", "assert math.isclose(f(2) ** 2, 2)"),
        ("from datetime import *\ndef f(): return datetime(2020, 1, 1, tzinfo=timezone.utc)",
         "import datetime as d\nassert f() == d.datetime(2020, 1, 1, tzinfo=d.timezone.utc)"),
    ],
)  # fmt: skip
def test_tests_work_as_if_they_were_in_one_process_with_the_program(sandbox: Sandbox, source: str, tests: str) -> None:
    found = judged(sandbox, source, tests)
    assert found.reason == ""
    assert found.passed == found.cases > 0


finite = {"allow_nan": False, "allow_infinity": False}
numbers = st.integers() | st.floats(allow_nan=False) | st.complex_numbers(**finite) | st.decimals(**finite)
atoms = numbers | st.none() | st.booleans() | st.text() | st.binary() | st.fractions() | st.dates() | st.timedeltas()
plain = st.recursive(
    atoms | st.sets(st.text()) | st.frozensets(st.integers()),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(value=plain)
def test_data_crosses_unchanged(sandbox: Sandbox, value: object) -> None:
    names = "import datetime\nfrom decimal import Decimal\nfrom fractions import Fraction\ninf = float('inf')"
    tests = f"{names}\nv = {value!r}\nassert same(v) == v and type(same(v)) is type(v)"
    assert judged(sandbox, "def same(value): return value", tests) == Result(1, 1, "")


def test_threads_have_sandboxes_of_their_own_which_end_with_them() -> None:
    found: list[tuple[Sandbox, Run]] = []

    def work() -> None:
        mine = sandbox_here()
        assert sandbox_here() is mine
        found.append((mine, mine.run("print(1)", "", LIMITS)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.output for _, run in found] == ["1\n"] * 3
    assert len({id(sandbox) for sandbox, _ in found}) == 3
    for sandbox, _ in found:
        sandbox.close()


def test_a_sandbox_that_failed_is_not_used_again() -> None:
    first = sandbox_here()
    first.close()
    with pytest.raises(RuleError, match="closed"):
        first.run("print(1)", "", LIMITS)
    assert sandbox_here().run("print(1)", "", LIMITS).output == "1\n"
    sandbox_here().close()


def test_where_the_system_cannot_isolate_nothing_is_run() -> None:
    """In a user namespace in which no further ones may be made."""
    script = """
import ctypes, os, sys
user = os.geteuid()
assert ctypes.CDLL(None).unshare(0x10000000) == 0
open("/proc/self/setgroups", "w").write("deny")
open("/proc/self/uid_map", "w").write(f"0 {user} 1")
open("/proc/sys/user/max_user_namespaces", "w").write("0")
from rewards.rules.code_passes import code_passes
from schemas.errors import RuleError
try:
    code_passes("print('ran', file=open('/tmp/ran', 'w'))", "assert True")
except RuleError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("programs cannot be isolated here, so none is run (unshare: No space left on device)")
    assert done.stdout.count("\n") == 1


def test_limits_are_above_zero() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Limits(memory_mb=0)
