"""Messages in files arrive whole, also where reader and writer are at it together."""

import threading
import uuid
from queue import Empty

import pytest
from kombu import Connection, Exchange, Queue

from config import loop

MESSAGES = 40
# Long enough to be read in the middle of its writing, where that is possible.
TEXT = "x" * 1_000_000


@pytest.fixture
def connect(tmp_path, monkeypatch):
    """Build connections to one broker in a folder of the test."""
    folders = tmp_path / "messages", tmp_path / "control"
    for folder in folders:
        folder.mkdir()
    monkeypatch.setattr(loop, "broker_folders", lambda: folders)
    url = "filesystem://localhost"

    def make() -> Connection:
        return Connection(
            url, transport=loop.broker_transport(url), transport_options=loop.broker_options(url)
        )

    return make


@pytest.fixture
def queue_name() -> str:
    """Give a name of its own to each test: kombu remembers per process what it has declared."""
    return f"queue-{uuid.uuid4()}"


def in_threads(*calls) -> list[BaseException]:
    """Run calls at the same time; return what went wrong in any of them."""
    errors: list[BaseException] = []

    def guarded(call) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return errors


def test_a_reader_never_sees_half_a_message(connect, queue_name):
    bodies: list[dict] = []
    with connect() as connection:
        connection.SimpleQueue(queue_name).close()

    def write() -> None:
        with connect() as connection, connection.SimpleQueue(queue_name) as queue:
            for number in range(MESSAGES):
                queue.put({"number": number, "text": TEXT})

    def read() -> None:
        with connect() as connection, connection.SimpleQueue(queue_name) as queue:
            while len(bodies) < MESSAGES:
                try:
                    message = queue.get(block=False)
                except Empty:
                    continue
                message.ack()
                bodies.append(message.payload)

    errors = in_threads(write, read)

    assert errors == []
    assert sorted(body["number"] for body in bodies) == list(range(MESSAGES))
    assert {body["text"] for body in bodies} == {TEXT}


def test_readers_share_the_messages(connect, queue_name):
    with connect() as connection, connection.SimpleQueue(queue_name) as queue:
        for number in range(200):
            queue.put(number)
    taken: list[int] = []

    def read() -> None:
        with connect() as connection, connection.SimpleQueue(queue_name) as queue:
            while True:
                try:
                    message = queue.get(block=False)
                except Empty:
                    return
                message.ack()
                taken.append(message.payload)

    errors = in_threads(read, read, read)

    assert errors == []
    assert sorted(taken) == list(range(200))


def test_processes_that_start_together_agree_on_the_tables(connect, queue_name):
    def declare(number: int) -> None:
        with connect() as connection:
            exchange = Exchange(queue_name, type="fanout")
            Queue(f"queue-{number}", exchange).bind(connection.channel()).declare()

    errors = in_threads(*[lambda number=number: declare(number) for number in range(12)])

    with connect() as connection:
        table = connection.channel().get_table(queue_name)
    assert errors == []
    assert {row.queue for row in table} == {f"queue-{number}" for number in range(12)}
