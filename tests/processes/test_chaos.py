"""A small chaos: `benchmarks.chaos` with some retries, for every run of the tests."""

import shutil
import subprocess
import sys

import pytest

from tests.sandbox.server_process import CHECKOUT

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not there"),
]


def test_nothing_is_lost_and_nothing_charged_twice():
    options = ["--attempts", "30", "--kills", "4", "--hurry"]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.chaos", *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-6000:]}"
    assert "30 of 30 recovered, 0 lost" in done.stdout
    assert "0 invoices charged twice, 0 calls the judge refused" in done.stdout
