"""What guideline authors need: every patient at once, made-up patients, proofs, coverage, mutants, comparisons."""
