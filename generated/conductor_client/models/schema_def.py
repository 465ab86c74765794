from __future__ import annotations

import msgspec

from ..base import Definition, Int64


class SchemaDef(Definition, kw_only=True):
    create_time: Int64 | None = None
    created_by: str | None = None
    data: JsonMap = msgspec.field(default_factory=dict)
    external_ref: str | None = None
    name: str | None = None
    owner_app: str | None = None
    type: SchemaDefType | None = None
    update_time: Int64 | None = None
    updated_by: str | None = None
    version: Int64 | None = None


# Here, since models refer to each other in circles.

from ..models.json_map import JsonMap
from ..models.schema_def_type import SchemaDefType
