"""An interview: questions in clinical words, and answers read."""
