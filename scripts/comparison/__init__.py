"""The parts of scripts/compare_servers.py."""
