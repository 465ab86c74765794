"""A client for Conductor's REST interface, generated from the server's own OpenAPI document. Not to be edited."""

from .client import Client, Response

__all__ = ("Client", "Response")
