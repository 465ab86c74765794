"""The server is owed results and lease extensions: they are sent until they arrive. Knows no functions."""
