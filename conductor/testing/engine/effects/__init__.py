"""Changes the state: moves workflows on as it was decided, begins them and ends them."""
