from . import (
    get_version,
)

__all__ = ("get_version",)
