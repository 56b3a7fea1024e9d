"""The HTTP interface: what people and records systems may ask, and nothing a rule is decided by."""
