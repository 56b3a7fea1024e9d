"""What whoever has everything of the operator can find out: tried with the program's own source."""
