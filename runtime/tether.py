"""Runs a program that does not outlive whoever started it: ``python tether.py PARENT PROGRAM [ARGUMENT ...]``.

Started by its path, so that nothing of the project is imported first. On Linux it becomes the program, after asking
the kernel to end it with the parent. Elsewhere (or with ``--watch``) it stays beside the program and ends the whole
process group when standard input, whose other end the parent holds, is closed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
NOT_FOUND = 127


def main(arguments: list[str]) -> int:
    """Run the program; gives its exit code, 128 and the signal's number, or 127 if there is no such program."""
    watch = arguments[0] == "--watch"
    parent, *program = arguments[watch:]
    try:
        if watch or sys.platform != "linux":
            return _beside(program)
        return _become(int(parent), program)
    except OSError as error:
        sys.stderr.write(f"{program[0]} cannot be started: {error.strerror}.\n")
        return NOT_FOUND


def _become(parent: int, program: list[str]) -> int:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    # Otherwise the parent died before the kernel was asked.
    if os.getppid() == parent:
        os.execvp(program[0], program)  # noqa: S606 - the program we were asked to run, without a shell
    return 128 + signal.SIGKILL


def _beside(program: list[str]) -> int:
    # The group's signals reach the program too; this process waits for what it makes of them.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    child = subprocess.Popen(program)  # noqa: S603 - as above
    threading.Thread(target=_end_with_input, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _end_with_input() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
