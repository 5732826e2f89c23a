"""The embedded server starts, is shared, stops, and survives what kills leave behind."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psycopg
import pytest

from config.embedded import CHECKOUT, database_url, socket_dir
from sandbox import postgres


@pytest.fixture(scope="module")
def data():
    """Give a data folder of its own, made once.

    Not one of pytest's: each run of pytest closes the folder above those of all others, and
    PostgreSQL works under another account where root runs the tests.
    """
    with tempfile.TemporaryDirectory(prefix="recoup-") as folder:
        yield Path(folder) / "pg"
        postgres.remove(Path(folder) / "pg")


def answers(data) -> bool:
    try:
        psycopg.connect(database_url(data, "postgres"), connect_timeout=60).close()
    except psycopg.OperationalError:
        return False
    return True


def other_process(data, body: str) -> subprocess.Popen:
    """Use the server from another process: `body` runs inside `running`, a line starts it."""
    code = f"""
        import os, pathlib, signal, sys
        from sandbox import postgres
        with postgres.running(pathlib.Path({str(data)!r}), throw_away=True):
            print("running", flush=True)
            {body}
    """
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "running\n"
    return process


def test_runs_for_the_block_and_stops_after_it(data):
    with postgres.running(data, throw_away=True):
        assert answers(data)

    assert not answers(data)
    assert not (data / "postmaster.pid").exists()


def test_a_new_database_sorts_alike_everywhere(data):
    with postgres.running(data, throw_away=True):
        first = postgres.create_database(data, "recoup")
        second = postgres.create_database(data, "recoup")
        with psycopg.connect(database_url(data)) as connection:
            rows = connection.execute(
                "SELECT word FROM (VALUES ('b'), ('A'), ('a'), ('B')) AS t(word) ORDER BY word"
            ).fetchall()

    assert (first, second) == (True, False)
    assert [word for (word,) in rows] == ["A", "B", "a", "b"]


def test_only_the_owner_of_the_machine_can_reach_it(data):
    with postgres.running(data, throw_away=True):
        assert socket_dir(data).stat().st_mode & 0o077 == 0


def test_the_first_one_out_leaves_it_to_the_other(data):
    with postgres.running(data, throw_away=True):
        other = other_process(data, "sys.stdin.read()")
    assert answers(data)

    other.communicate()

    assert other.returncode == 0
    assert not answers(data)


def test_a_killed_user_does_not_keep_it_running_for_ever(data):
    other = other_process(data, "os.kill(os.getpid(), signal.SIGKILL)")
    other.communicate()
    assert answers(data)

    with postgres.running(data, throw_away=True):
        assert answers(data)

    assert not answers(data)


def test_a_stale_file_that_names_a_stranger_does_not_pass_for_the_server(data):
    with postgres.running(data, throw_away=True):
        lines = (data / "postmaster.pid").read_text().splitlines()
    lines[0] = str(os.getpid())
    (data / "postmaster.pid").write_text("\n".join(lines) + "\n")

    with postgres.running(data, throw_away=True):
        assert answers(data)


def test_a_long_path_puts_the_socket_elsewhere():
    with tempfile.TemporaryDirectory(prefix="recoup-") as folder:
        data = Path(folder) / ("long-" * 20) / "pg"

        with postgres.running(data, throw_away=True):
            assert answers(data)

    assert socket_dir(data) != data
    socket_dir(data).rmdir()
