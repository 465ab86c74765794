"""The table of requests: the call of the engine for each request, and the form of its answer."""

from __future__ import annotations

from conductor.testing.server.routes.about import PAGE, about
from conductor.testing.server.routes.absent import absent
from conductor.testing.server.routes.admin import admin
from conductor.testing.server.routes.bulk import bulk
from conductor.testing.server.routes.events import events
from conductor.testing.server.routes.metadata import metadata
from conductor.testing.server.routes.queues import queues
from conductor.testing.server.routes.searches import searches
from conductor.testing.server.routes.tasks import BATCH_POLL, POLL, UPDATE_V2, tasks
from conductor.testing.server.routes.workflows import workflows

TOKEN = "POST /api/token"  # noqa: S105 - a path

ROUTES = (*(*metadata(), *tasks(), *queues(), *workflows(), *bulk(), *searches()), *(*events(), *admin(), *about()))

OPERATIONS = frozenset([*(route.operation for route in ROUTES), PAGE, POLL, BATCH_POLL, UPDATE_V2, TOKEN])
"""The operations that are served."""

NOT_SERVED = tuple(absent())
