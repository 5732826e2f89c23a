"""How log lines look: one JSON object each in production, readable lines on one's own machine.

Both formatters pass everything through the redactor, exceptions included. Celery uses the same
handler, gunicorn its own with the same formatter.
"""

import datetime as dt
import logging
import logging.config
from typing import Any

from django.conf import settings
from pythonjsonlogger.json import JsonFormatter

from apps import logs

FIELDS = ("level", "time", "logger", "message")


class JsonLines(JsonFormatter):
    """One object per line: level, time (UTC), logger, message, the ids, the exception."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        # The logger's own name is no person's.
        logger = log_data.pop("logger", "")
        extra = {
            key: logs.redact_value(value, name=key)
            for key, value in log_data.items()
            if key not in FIELDS
        }
        return {
            "level": log_data.get("level"),
            "time": log_data.get("time"),
            "logger": logger,
            "message": logs.redact(str(log_data.get("message", ""))),
            **extra,
        }

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data["time"] = _time(record)
        log_data.pop("request", None)
        log_data.update(_ids(record))


class Lines(logging.Formatter):
    """Time, level, logger, message, and the ids at the end."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return _time(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in _ids(record).items())
        return super().formatMessage(record) + ids

    def format(self, record: logging.LogRecord) -> str:
        return logs.redact(super().format(record))


FORMATTERS = {"json": JsonLines, "line": Lines}


def logging_settings(log_format: str) -> dict[str, Any]:
    """Give Django's LOGGING: everything to standard error, through one formatter.

    Raises:
        KeyError: there is no such format.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": {"()": FORMATTERS[log_format]}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            # Django's own handlers would write a second, unredacted copy.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            # The library writes two lines for every call, with its address.
            "stripe": {"level": "WARNING"},
        },
    }


def set_up_celery(loglevel: int | None = None, **_: object) -> None:
    """Keep Celery from putting its own handlers in: it leaves logging alone if anyone answers.

    `loglevel` is the command's: it holds for Celery's own lines.
    """
    logging.config.dictConfig(settings.LOGGING)
    if loglevel is not None:
        logging.getLogger("celery").setLevel(loglevel)


def begin_task(task_id: str, task: Any, **_: object) -> None:
    """Put a task's name and id on the lines it writes."""
    logs.begin(task=task.name, task_id=task_id)


def end_task(**_: object) -> None:
    """Forget what the thread was about."""
    logs.begin()


def _ids(record: logging.LogRecord) -> dict[str, object]:
    """Give what a line is about; Django puts the whole request on its own records."""
    request_id = getattr(getattr(record, "request", None), "request_id", None)
    return {**({"request_id": request_id} if request_id else {}), **logs.context()}


def _time(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
