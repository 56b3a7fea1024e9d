"""SQL: facts and what is folded from them, people, protocol versions, the vault. See ``docs/decisions``.

Temporal is the truth for running cases; nothing here ever decides a command.
"""
