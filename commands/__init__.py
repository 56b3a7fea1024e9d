"""The groups of the command line that are more than a few lines; ``cli`` puts them together. Wiring only."""
