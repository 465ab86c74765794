"""The state of one engine: what is kept, the queues, the limits and the timers. It knows no type of task."""
