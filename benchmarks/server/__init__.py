"""A task server for benchmarks. It answers as Conductor does, and costs so little that it is not the limit."""
