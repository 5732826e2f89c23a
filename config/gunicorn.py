"""Gunicorn's own log in our format: `--logger-class config.gunicorn.Logger`."""

import os
from typing import Any

from django.conf import settings
from gunicorn import glogging  # type: ignore[import-untyped]

from config.logs import FORMATTERS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")


class Logger(glogging.Logger):  # type: ignore[misc]
    """Its lines pass through the redactor as ours do: a failing request's address is in them."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        formatter = FORMATTERS[settings.LOG_FORMAT]()
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter)
