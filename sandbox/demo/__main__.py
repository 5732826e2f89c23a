"""`python -m sandbox.demo [reset]`."""

import os
import signal
import sys
from collections.abc import Callable

from sandbox.demo import runner


def in_front(run: Callable[[], int]) -> int:
    """Run in the terminal's foreground, away from the process group of a `make` above.

    A terminal sends Ctrl-C to the whole group; `make` would die of it with an error, although the
    demo ended well. Other signals that reach this process are passed on.
    """
    terminal = sys.stdin.fileno() if sys.stdin.isatty() else None
    own_group = os.getpgrp()
    if terminal is None or own_group == os.getpid() or os.tcgetpgrp(terminal) != own_group:
        return run()
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpid())
        # Nobody above would notice a stop and wake us again.
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        status = run()
        sys.stdout.flush()
        os._exit(status)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.tcsetpgrp(terminal, own_group)
    return status if status >= 0 else 1


if __name__ == "__main__":
    sys.exit(runner.reset() if sys.argv[1:] == ["reset"] else in_front(runner.run))
