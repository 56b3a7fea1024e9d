"""The keeper of agencies' private keys, behind a port of four methods; here as a child process."""
