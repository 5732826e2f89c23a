"""Import what takes seconds, wait for the guide, then become the program that was asked for.

`python -m sandbox.demo.warm MODULE ARGUMENT...` ends as `python -m MODULE ARGUMENT...`.
"""

import os
import runpy
import sys
import time
from contextlib import suppress
from importlib import import_module

import django

from sandbox.demo.plan import READY_FILE


def main() -> None:
    """Be one of the demo's processes; nothing is read from the database before the guide is done."""
    program, *arguments = sys.argv[1:]
    django.setup()
    # Models need Django set up before they are imported.
    from django.conf import settings

    for name in (settings.ROOT_URLCONF, "config.celery"):
        import_module(name)
    while not READY_FILE.exists():
        time.sleep(0.05)
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    with suppress(KeyboardInterrupt):
        main()
