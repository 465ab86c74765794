"""The version, in the one place that the package's metadata and its requests read."""

__version__ = "0.1.0"
