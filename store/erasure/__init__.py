"""Erasure: how long parts of a case are kept, orders and holds, and what carries an order out to its end."""
