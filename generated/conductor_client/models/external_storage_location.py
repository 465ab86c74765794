from __future__ import annotations

import msgspec


class ExternalStorageLocation(msgspec.Struct, rename="camel", omit_defaults=True):
    path: str | None = None
    uri: str | None = None
