"""Tasks, workflows and definitions as the engine holds them, and how they are read and shown, without effects."""
