"""Releases: what a survivor lets leave the house, for whom, for what and until when; and what left it without her."""
