"""A configuration of logging for a worker program: JSON on standard error, with the ids of the task on each line."""

import logging.config

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,  # else loggers that were made at an import are silent
    "filters": {"task": {"()": "conductor.logs.TaskFilter"}},
    "formatters": {"json": {"()": "conductor.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["task"], "formatter": "json"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {
        "conductor": {"level": "INFO"},  # starts, stops and failures; DEBUG: each task
        "app": {"level": "INFO"},  # your own
    },
}


def configure() -> None:
    logging.config.dictConfig(LOGGING)
