"""What leaves a case: its facts for the read model, and the linked cases it starts.

Workflows know this package by ``activities.contracts`` only.
"""
