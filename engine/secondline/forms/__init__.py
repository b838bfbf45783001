"""What people write in files, as pydantic models: cases, rules, evidence and vocabulary (the profile stands alone)."""
