"""Runs that move open cases to a newer text: what was ordered, and what became of each case."""
