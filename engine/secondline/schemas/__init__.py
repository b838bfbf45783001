"""JSON Schemas for the files people write and the answers they read."""
