"""The keeper of agencies' private keys, behind a port of five methods; here as a child process."""
