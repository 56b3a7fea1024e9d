"""How a notice leaves this machine: mail, a gateway for texts and calls, signed webhooks. No case is known here."""
