"""Sends results and lease extensions until they arrive at the server. It knows no functions."""
