"""Trains each job in a process of its own: `python -m tests.resume.zygote` reads them as lines.

Importing a backend takes longer than these trainings, so it is imported once, and each job gets a
fork made before the backend has begun to work. Prints the exit status of each, as Python gives it
(negative: killed by that signal).
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback

from tests.resume.trainings import Job, run

if importlib.util.find_spec("tensorflow") is not None:
    import tensorflow as tf  # noqa: F401 – its import is most of the time, and `fit` looks for it


def main() -> None:
    """Runs the jobs."""
    print("ready", flush=True)  # noqa: T201 – the answer
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _child(Job(**json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 – the answer


def _child(job: Job) -> None:
    code = 0
    try:
        run(job)
    except SystemExit as error:
        code = int(error.code or 0)
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 – it is told
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
