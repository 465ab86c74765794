"""Each log record as a line of JSON, with the ids of the current task."""

import logging

from conductor import JsonFormatter, TaskFilter


def log_as_json(level: int = logging.INFO) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(TaskFilter())
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler])
