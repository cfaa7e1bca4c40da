"""How long `datakit --help` takes, beside a bare Python: whole processes, in turn, medians.

python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "datakit --help": [str(Path(sys.executable).parent / "datakit"), "--help"],
    "datakit build-pairs --help": [str(Path(sys.executable).parent / "datakit"), "build-pairs", "--help"],
}


def main() -> None:
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(RUNS + 1):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if turn:  # the first turn warms the disk cache
                seconds[name].append(time.perf_counter() - started)
    bare = statistics.median(seconds["python -c pass"])
    for name, found in seconds.items():
        median = statistics.median(found)
        print(
            f"{name:28} {median:.3f} s (min {min(found):.3f}, max {max(found):.3f}), {median / bare:.1f} x bare Python"
        )


if __name__ == "__main__":
    main()
