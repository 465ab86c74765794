"""How fast workers are: this project's, other libraries', and bare loops. ``scripts/bench.sh`` runs it."""
