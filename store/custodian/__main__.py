"""The custodian's process: ``python -m store.custodian --keys DIR``. Ends when its standard input does."""

from __future__ import annotations

import argparse
import fcntl
import os
import resource
import secrets
import sys
import threading
from pathlib import Path

from protocol.errors import HandoffError
from store.custodian.keys import KeyFolder
from store.custodian.local import SOCKET, TOKEN
from store.custodian.safes import TokenOptions, safe_of
from store.custodian.server import Keeper, Server


def main() -> int:
    """Hold the keys of a folder until the parent process is gone; 3 when another already does, 4 without its token."""
    parser = argparse.ArgumentParser(prog="store.custodian", description="Keeps agencies' private keys.")
    parser.add_argument("--keys", type=Path, required=True, help="the folder of private keys")
    parser.add_argument(
        "--run", type=Path, help="the folder for the socket and its token; the keys' folder if left out"
    )
    for name in ("module", "token", "pin-file", "key"):
        parser.add_argument(f"--pkcs11-{name}", help="of the token that shuts the keys")
    parser.add_argument("--grounds", default="", help="grounds of the law on which something may leave, with commas")
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        keys = KeyFolder(chosen.keys, safe_of(_token(chosen)))
    except HandoffError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 4
    run: Path = chosen.run or chosen.keys
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(chosen.keys / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 3
    grounds = frozenset(chosen.grounds.split(","))
    server = Server(run / SOCKET, _new_token(run / TOKEN), Keeper(keys, grounds=grounds))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
    (run / SOCKET).unlink(missing_ok=True)
    return 0


def _token(chosen: argparse.Namespace) -> TokenOptions | None:
    if chosen.pkcs11_module is None:
        return None
    return TokenOptions(
        module=Path(chosen.pkcs11_module),
        token=chosen.pkcs11_token,
        pin_file=Path(chosen.pkcs11_pin_file),
        key=chosen.pkcs11_key,
    )


def _new_token(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, token.encode())
    finally:
        os.close(handle)
    part.rename(path)
    return token


if __name__ == "__main__":
    sys.exit(main())
