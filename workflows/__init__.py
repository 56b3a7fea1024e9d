"""The durable shell around the pure core: one workflow that interprets every protocol, and its client."""
