"""Measurements, printed from one run; never part of the tests."""
