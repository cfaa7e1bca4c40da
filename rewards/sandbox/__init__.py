"""Runs programs that nobody has read: see docs/sandbox.md for what is stopped and what is not.

    worker process (rewards/worker.py)
    └── guard            own user, mount, network, IPC and UTS namespace; an almost empty read-only root     guard.py
        ├── keeper       makes the next namespace, waits, reports status and CPU time                       cell.py
        │   └── program  process 1 of its own PID namespace, no privileges, seccomp, limits                 program.py
        └── keeper
            └── tests    the same, in namespaces of its own; talks with the program in data only            judge.py

`launch.py` is the way in. All other modules also run inside, where only the standard library exists, so they import
nothing else. Nothing of the tests is in the memory of a process that the program could read: the guard gets them after
the program's process was made, and expected outputs never leave the worker.
"""
