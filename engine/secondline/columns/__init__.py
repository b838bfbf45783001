"""The same rules on whole tables: what rows say as bits, conditions as diagrams, answers as columns."""
