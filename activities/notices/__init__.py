"""Errands into messages: who, by which way, in which words, how often (``notes/ux.md`` §5)."""
