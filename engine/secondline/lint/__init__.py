"""What is readable and typed, and still not as a rule should be."""
