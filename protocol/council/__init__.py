"""How a council decides a revision: its own rules, what was done so far, and where that leaves the revision."""
