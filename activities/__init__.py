"""What cases ask of the world: facts into the read model, linked cases opened."""
