"""The engine of the embedded server: Conductor's state machine without HTTP.

All values are plain dicts with the names of the wire, as the real server 3.32.3 sends them: zeros and false are always
there, null members are left out, times are in milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable

from conductor import _stopping
from conductor.testing.engine.calls.again import Again
from conductor.testing.engine.calls.control import Control
from conductor.testing.engine.calls.deliveries import Deliveries
from conductor.testing.engine.calls.event_actions import EventActions
from conductor.testing.engine.calls.event_handlers import EventHandlers
from conductor.testing.engine.calls.metadata import Metadata
from conductor.testing.engine.calls.mocked_runs import MockedRuns
from conductor.testing.engine.calls.overview import Overview
from conductor.testing.engine.calls.queues import Queues
from conductor.testing.engine.calls.searches import Searches
from conductor.testing.engine.calls.signals import Signals
from conductor.testing.engine.calls.storage import Storage
from conductor.testing.engine.calls.tasks import Tasks
from conductor.testing.engine.calls.workflows import Workflows
from conductor.testing.engine.definitions.blueprints import Blueprints
from conductor.testing.engine.definitions.definitions import Definitions
from conductor.testing.engine.effects.events import Events
from conductor.testing.engine.effects.lives import Lives
from conductor.testing.engine.effects.mover import Mover
from conductor.testing.engine.effects.revival import Revival
from conductor.testing.engine.effects.scheduling import Scheduling
from conductor.testing.engine.state.clock import Clock, LiveClock
from conductor.testing.engine.state.payloads import PayloadOptions
from conductor.testing.engine.state.state import State
from conductor.testing.engine.tasks.registry import Kinds
from conductor.testing.engine.tasks.stubs import Stubs


class Engine:
    """The state and the rules of a Conductor server. Thread-safe; every call is one transaction.

    Its calls are in groups: ``engine.queues.poll(…)``, ``engine.workflows.start(…)``.

    clock: gives the time. When ``advance`` of a FakeClock returns, everything that became due has been done.
    db: the path of a file that keeps the state after the end of the process. By default the state is in memory.
    hold_until_count: polls wait for as many tasks as they ask for, as servers on SQL databases do.
    retention: the number of ended workflows that are kept, with their tasks and logs. The oldest are forgotten first.
    payload_options: the options of the external storage. stubs: answers in place of tasks.
    strict_inputs: an expression without a value fails its workflow, and the call that starts it.

    The values that a call returns belong to the state. Write them as JSON, and do not change them.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        db: str = ":memory:",
        *,
        hold_until_count: bool = False,
        retention: int = 10_000,
        payload_options: PayloadOptions | None = None,
        stubs: Stubs | None = None,
        strict_inputs: bool = False,
    ) -> None:
        self.clock: Clock = clock or LiveClock()
        self.strict_inputs = strict_inputs
        options = payload_options or PayloadOptions()
        self._state = state = State(self.clock, db, retention, options)
        kinds = Kinds(stubs or Stubs())
        definitions = Definitions(state.store)
        blueprints = Blueprints(state.store, kinds, definitions, strict_inputs=strict_inputs)
        lives = Lives(state, blueprints)
        scheduling = Scheduling(state, kinds, blueprints)
        events = Events()
        self._mover = mover = Mover(state, scheduling, lives, events)
        self.metadata = Metadata(state, kinds, definitions)
        self.queues = Queues(state, mover, hold_until_count=hold_until_count)
        self.tasks = Tasks(state, kinds, mover, self.queues)
        self.workflows = Workflows(state, lives, mover, strict_inputs=strict_inputs)
        self.signals = Signals(state, self.tasks, self.workflows, strict_inputs=strict_inputs)
        self.control = Control(state, kinds, lives, mover)
        self.again = Again(state, blueprints, Revival(state, kinds, scheduling, mover), mover)
        self.mocked_runs = MockedRuns(state, mover, self.workflows, self.tasks)
        self.event_handlers = EventHandlers(state)
        events.listen(EventActions(state, self.event_handlers, self.workflows, self.tasks))
        self.deliveries = Deliveries(state, kinds, mover)
        self.searches = Searches(state, self.tasks)
        self.storage = Storage(state, options.urls)
        self.overview = Overview(state)
        self.clock.listen(self._on_jump)
        _stopping.listen(state.queues.wake)

    def close(self) -> None:
        """End waiting polls and close the database. Every later call is refused with 503."""
        self.clock.unlisten(self._on_jump)
        self._mover.background.close()
        if self._state.close():
            _stopping.unlisten(self._state.queues.wake)

    def listen(self, listener: Callable[[], object]) -> None:
        """Call the function, from any thread, after each change that comes neither from a call nor from ``sweep``."""
        self._mover.background.listen(listener)

    def sweep(self) -> None:
        """Do everything that has become due: timeouts, WAIT timers, sub-workflows that start late.

        A workflow that takes too long is left to the next sweep.
        """
        self._mover.sweep()

    def next_due(self) -> float | None:
        """The time at which ``sweep`` has something to do next, in seconds since the epoch."""
        with self._state.transaction():
            return self.clock.now() if self._mover.has_more else self._state.timers.next()

    def _on_jump(self) -> None:
        self.sweep()
        self._state.wake_all()
