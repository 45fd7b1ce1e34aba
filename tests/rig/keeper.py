"""Runs one child process and stops it when the parent goes away, however it goes.

Started by path with plain Python, so it imports nothing of ours. The parent holds the other end of
our standard input: its end of file, even after kill -9, is the signal to stop the child.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE = 10.0  # seconds between the polite signal and the other one


def main(polite: str, *command: str) -> int:
    for ignored in (signal.SIGINT, signal.SIGTERM):  # a Ctrl-C at the terminal reaches the group
        signal.signal(ignored, signal.SIG_IGN)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            preexec_fn=_default_signals,  # noqa: PLW1509 - no thread has started yet
        )
    except OSError as error:
        sys.exit(str(error))
    sys.stderr.write(f"{child.pid}\n")
    sys.stderr.flush()
    threading.Thread(target=_stop_at_end_of_file, args=(child, polite), daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def _default_signals() -> None:
    for ours in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ours, signal.SIG_DFL)


def _stop_at_end_of_file(child: subprocess.Popen[bytes], polite: str) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock, held here, aborts the interpreter's end
        pass
    child.send_signal(getattr(signal, polite))
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
    os.killpg(0, signal.SIGKILL)  # what the child left behind, and this keeper


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
