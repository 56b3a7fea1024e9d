"""Open cases follow a newer text: a plan, where each duty and clock goes, what must be decided first, and the way back.

Builds on council.md section 3; where it differs, docs/decisions/0024 says why.
"""
