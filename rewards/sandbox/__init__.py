"""Runs programs that nobody has read: see docs/sandbox.md for what is stopped and what is not.

    worker process (rewards/worker.py)
    └── guard                own user, mount, network and IPC namespace; an almost empty root           guard.py
        └── foreman          for one job; watches the clock and what is printed
            ├── keeper       makes the next namespaces, waits, reports status and CPU time              cell.py
            │   └── program  process 1 of its own PID namespace, no privileges, seccomp, limits         program.py
            └── keeper
                └── tests    the same, in namespaces of its own; talks with the program in data only    judge.py

`launch.py` is the way in. All other modules also run inside, where only the standard library exists, so they import
nothing else. Nothing of the tests is in the memory of the program's process: the foreman gets them after that one was
made, the next job has a foreman of its own, and expected outputs never leave the worker.
"""
