"""A task server for benchmarks: it answers as Conductor does, and costs so little that workers are what is measured."""
