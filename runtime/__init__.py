"""What processes need to run: settings, logs, the Temporal server and client, keys, supervision."""
