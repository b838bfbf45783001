"""The rule base as an HTML site: rules as sentences, evidence with forest plots, a decision map; no network needed."""
