"""A protocol's text as it is written: its tree, its phrases, and what is wrong with it, line by line."""
