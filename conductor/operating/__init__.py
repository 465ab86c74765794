"""Looks at a running system, and repairs it: the logic of commands such as ``check``, ``queue`` and ``top``."""
