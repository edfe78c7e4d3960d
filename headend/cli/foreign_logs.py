"""What the libraries of a daemon have to say, in the form of our own lines: on stderr nothing is of another kind."""

import logging
import sys
from typing import Any

import structlog

from headend.settings import LogSection


def take_over(log: LogSection) -> None:
    """Write warnings and errors of libraries, and of Python itself, as our own lines; `logger` names who speaks."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Local variables of a traceback may hold keys: frames are shown without them.
                structlog.processors.ExceptionRenderer(),
                _renderer(log),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.WARNING, getattr(logging, log.level.upper())))
    logging.captureWarnings(capture=True)


def _renderer(log: LogSection) -> Any:  # noqa: ANN401  two of structlog's, without a common type
    if log.format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
