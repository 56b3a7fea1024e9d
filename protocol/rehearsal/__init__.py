"""Rehearsal: last year's arrivals played through a text by modelled people, and two texts compared pair by pair."""

DAYS = 60
"""How many days each case is followed, unless told otherwise."""
