"""How people and machines show who they are: passwords, second factors, passkeys, sessions, machine keys.

Nothing here can be used from a copy of the database alone: passwords are argon2id hashes, sessions, links and machine
keys are kept as hashes of 256 random bits, and what must be read again (the secret of one-time passwords) is sealed
under ``accounts.key`` of the key folder. Every function takes the present instant: there is no clock below the edge.
"""
