from . import (
    generate_token,
)

__all__ = ("generate_token",)
