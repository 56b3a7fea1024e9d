"""What must hold of a protocol before it may be published, each finding with a run that shows it."""
