"""What fires: two independent engines over the same conditions, and their agreement."""
