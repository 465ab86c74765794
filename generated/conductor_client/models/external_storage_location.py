from __future__ import annotations

from ..base import Model


class ExternalStorageLocation(Model, kw_only=True):
    path: str | None = None
    uri: str | None = None
