"""A small OpenID provider for the tests, as a process of its own: ``python -m tests.provider PORT FOLDER``.

It signs with joserfc and keeps to the code flow: whoever comes to /authorize is sent back with a code at once, and
/token gives a token for that code if the PKCE verifier fits. ``twin`` in its folder says which lie to tell.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "handoff", "a-secret-of-the-two"
Json = dict[str, Any]
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
OTHER = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})


def claims(issuer: str, nonce: str, twin: str) -> Json:
    """What the token says; a bad twin says one thing otherwise."""
    now = int(time.time())
    said: Json = {
        "iss": issuer, "aud": CLIENT, "sub": "person-17", "nonce": nonce, "iat": now, "exp": now + 60,
        "auth_time": now, "amr": ["pwd", "otp", "mfa"], "roles": ["coordinator", "steward"],
    }  # fmt: skip
    changed: dict[str, Json] = {
        "wrong-nonce": {"nonce": "another"},
        "wrong-issuer": {"iss": "https://elsewhere.example.org"},
        "wrong-audience": {"aud": "another"},
        "wrong-party": {"aud": [CLIENT, "another"], "azp": "another"},
        "expired": {"exp": now - 3600, "iat": now - 7200},
        "no-mfa": {"amr": ["pwd"]},
        "amr-missing": {"amr": None},
        "long-ago": {"auth_time": now - 7200},
        "no-auth-time": {"auth_time": None},
        "nobody": {"sub": ""},
        "stranger": {"sub": "person-18"},
    }
    return {name: value for name, value in {**said, **changed.get(twin, {})}.items() if value is not None}


def token(issuer: str, nonce: str, twin: str) -> str:
    """The signed token, or what stands in for one."""
    said = claims(issuer, nonce, twin)
    if twin == "alg-none":
        parts = (json.dumps(each).encode() for each in ({"alg": "none", "kid": "one"}, said))
        return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts) + "."
    if twin == "shared-secret":
        from joserfc.jwk import OctKey  # noqa: PLC0415 - for this lie alone

        # The public key, which everybody has, taken for a shared secret.
        public = OctKey.import_key(json.dumps(KEY.as_dict(private=False)))
        return jwt.encode({"alg": "HS256", "kid": "one"}, said, public)
    signed = jwt.encode({"alg": "ES256", "kid": "one"}, said, OTHER if twin == "key-swapped" else KEY)
    if twin == "altered":
        head, body, sign = signed.split(".")
        changed = json.dumps({**said, "sub": "person-1"}).encode()
        return f"{head}.{base64.urlsafe_b64encode(changed).rstrip(b'=').decode()}.{sign}" if body else ""
    return signed


class Provider(BaseHTTPRequestHandler):
    """Discovery, keys, authorize, token."""

    folder = Path()
    codes: dict[str, Json] = {}  # noqa: RUF012 - one process, one set of codes

    @property
    def issuer(self) -> str:
        return f"http://{self.headers['Host']}"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            named = {
                "authorization_endpoint": f"{self.issuer}/authorization",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
            }
            issuer = "https://elsewhere.example.org" if self._twin() == "another-discovery" else self.issuer
            self._say({"issuer": issuer, **named})
        elif parts.path == "/jwks":
            self._say({"keys": [KEY.as_dict(private=False)]})
        elif parts.path == "/authorization":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            self.send_response(302)
            back = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()

    def do_POST(self) -> None:
        form = {
            name: values[0]
            for name, values in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
        }
        asked = self.codes.pop(form.get("code", ""), None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        wanted = {
            "code_challenge": proof.decode(),
            "code_challenge_method": "S256",
            "redirect_uri": form["redirect_uri"],
        }
        if asked is None or not wanted.items() <= asked.items() or login != f"{CLIENT}:{SECRET}":
            self._say({"error": "invalid_grant"}, 400)
            return
        self._say({"token_type": "Bearer", "id_token": token(self.issuer, asked["nonce"], self._twin())})

    def _twin(self) -> str:
        found = self.folder / "twin"
        return found.read_text() if found.exists() else ""

    def _say(self, said: Json, status: int = 200) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


if __name__ == "__main__":
    Provider.folder = Path(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
