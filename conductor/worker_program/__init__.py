"""The program that ``conductor-worker run`` is: its options, its server, its end. It reads no command line."""
