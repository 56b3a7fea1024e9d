"""Mutation of a protocol, to try its scenarios: what could be wrong in it and nobody would notice."""
