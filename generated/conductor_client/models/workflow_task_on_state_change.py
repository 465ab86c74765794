from __future__ import annotations

from ..models.state_change_event import StateChangeEvent

WorkflowTaskOnStateChange = dict[str, list[StateChangeEvent]]
