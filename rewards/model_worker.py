"""The process of rewards/model_process.py."""

import json
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import NoReturn

from rewards.model_process import answer
from rewards.worker import die_with


def main() -> NoReturn:
    """Judge until the service hangs up. Argument: a JSON object of file descriptors."""
    given = json.loads(sys.argv[1])
    for fd in given.values():
        os.set_inheritable(fd, False)
    die_with(given["lifeline"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer(Connection(given["connection"]))
    os._exit(0)
