"""The types of tasks: one class for each, and the registry of all. They know the state only by the protocol ``Run``."""
