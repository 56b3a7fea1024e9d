"""Revisions: drafts, what was done with each, the council's rules, and which text is in force since when."""
