"""Code of a program around the work of a runner: interceptors."""
