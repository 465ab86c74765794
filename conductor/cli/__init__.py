"""The command ``conductor-worker``. Its modules read options, call other modules and print."""
