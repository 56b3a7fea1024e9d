"""A protocol and its clocks in words, tables and drawings."""
