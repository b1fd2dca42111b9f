"""Evidence: e-processes, calibrators, merging, multiple testing, conformal p-values, exact tails. Knows no LLM."""
