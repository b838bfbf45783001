"""Whether the figures of evidence files agree with one another: evidence in, findings with figures out; pure."""
