"""A session of development: the embedded server gets the definitions of the workers and workflows that are written."""
