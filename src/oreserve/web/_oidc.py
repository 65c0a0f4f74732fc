# SPDX-License-Identifier: Apache-2.0
"""Sign-in through an organisation's own identity provider (OpenID Connect).

Authorization code with PKCE, state and nonce. The provider says who somebody is;
what they may do stays in the reserve: an identity counts only if an administrator
has linked it to a user.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from oreserve.errors import InputError
from oreserve.web._problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Identity", "Pending", "Provider", "SignInElsewhere", "provider_from"]

# Signatures made with a private key; `none` and shared secrets are never accepted.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
LEEWAY_S = 60  # between two clocks
TIMEOUT_S = 10.0
KEYS_FOR_S = 600.0
_VARIABLES: Final = {
    "issuer": "ORESERVE_OIDC_ISSUER",
    "client_id": "ORESERVE_OIDC_CLIENT_ID",
    "client_secret": "ORESERVE_OIDC_CLIENT_SECRET",
    "name": "ORESERVE_OIDC_NAME",
}


@dataclass(frozen=True)
class Provider:
    """An identity provider and how it knows this service.

    Parameters
    ----------
    issuer
        Address that its tokens name; its configuration lies below it.
    name
        What the button on the sign-in page says.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str = "your organisation"

    def __repr__(self) -> str:
        """Leave the secret out of logs."""
        return f"Provider({self.issuer!r}, {self.client_id!r})"


@dataclass(frozen=True)
class Pending:
    """A sign-in that has gone to the provider; the browser keeps it in a cookie."""

    state: str
    nonce: str
    verifier: str

    def text(self) -> str:
        """Write it for a cookie."""
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @classmethod
    def read(cls, text: str) -> Pending | None:
        """Read it from a cookie; None if it is none."""
        parts = text.split(".")
        return cls(*parts) if len(parts) == 3 and all(parts) else None


@dataclass(frozen=True)
class Identity:
    """Somebody, as the provider names them."""

    issuer: str
    subject: str
    email: str | None


def provider_from(
    environment: Mapping[str, str] | None = None, file: Path | None = None
) -> Provider | None:
    """Return the provider of a JSON file or of the environment; None without one.

    Raises
    ------
    InputError
        If something is missing or the issuer is not reached by https.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            message = f"{file}: not a JSON object with {', '.join(_VARIABLES)}"
            raise InputError(message) from error
    else:
        from_where = os.environ if environment is None else environment
        values = {k: from_where[v] for k, v in _VARIABLES.items() if from_where.get(v)}
    if not values:
        return None
    missing = [n for n in ("issuer", "client_id", "client_secret") if n not in values]
    unknown = sorted(set(values) - set(_VARIABLES))
    if missing or unknown:
        where = file or "the environment (ORESERVE_OIDC_…)"
        message = (
            f"{where}: missing {missing or 'nothing'}, unknown {unknown or 'none'}"
        )
        raise InputError(message)
    issuer = str(values["issuer"])
    if not _is_safe(issuer):
        message = f"the issuer {issuer} is not reached by https; it must be"
        raise InputError(message)
    try:
        import authlib  # type: ignore[import-untyped]  # noqa: F401
        import httpx2  # noqa: F401
    except ImportError:
        message = "an identity provider needs: pip install 'oreserve[oidc]'"
        raise InputError(message) from None
    return Provider(**{name: str(value) for name, value in values.items()})


def _is_safe(issuer: str) -> bool:
    """Whether nobody between here and an address can read along."""
    try:
        parts = urlsplit(issuer)
        own = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    except ValueError:
        return False
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and own)


class SignInElsewhere:
    """Send somebody to the provider and read who came back.

    Its methods wait for the provider: call them in a thread.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._configuration: dict[str, Any] | None = None
        self._keys: tuple[float, Any] | None = None

    def begin(self, redirect_uri: str) -> tuple[str, Pending]:
        """Return the address to send the browser to, and what it must bring back."""
        pending = Pending(
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(48),
        )
        with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(
                self._configured("authorization_endpoint"),
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(address), pending

    def finish(
        self, query: Mapping[str, str], pending: Pending | None, redirect_uri: str
    ) -> Identity:
        """Return who the provider says it is.

        Raises
        ------
        Problem
            400 if the answer does not belong to this browser, 403 if the provider
            refused, 502 if its answer does not hold.
        """
        if pending is None or not secrets.compare_digest(
            query.get("state", "").encode(), pending.state.encode()
        ):
            raise Problem(
                400,
                "sign_in_state",
                "This answer of the identity provider belongs to no sign-in of this "
                "browser. Start again from the sign-in page.",
            )
        if "error" in query or "code" not in query:
            detail = "The identity provider did not sign you in."
            raise Problem(403, "sign_in_refused", detail)
        try:
            with self._client(redirect_uri) as client:
                token = client.fetch_token(
                    self._configured("token_endpoint"),
                    code=query["code"],
                    code_verifier=pending.verifier,
                    grant_type="authorization_code",
                )
            claims = self.claims(str(token["id_token"]), pending.nonce)
        except Problem:
            raise
        except Exception as error:
            raise _broken(type(error).__name__) from error
        email = claims.get("email") if claims.get("email_verified") is True else None
        return Identity(
            self.provider.issuer, str(claims["sub"]), str(email) if email else None
        )

    def claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Check an ID token's signature and claims and return them.

        Raises
        ------
        Problem
            502 if the signature, issuer, audience, times or nonce do not hold.
        """
        from joserfc import jwt
        from joserfc.errors import JoseError

        registry = jwt.JWTClaimsRegistry(
            now=int(time.time()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.provider.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self.provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            token = self._decoded(id_token)
            registry.validate(token.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _broken(type(error).__name__) from error
        claims = dict(token.claims)
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get(
            "azp"
        ) != self.provider.client_id:
            raise _broken(what="azp")
        return claims

    def _decoded(self, id_token: str) -> Any:
        """Decode with the provider's keys; fetch them anew once if none fits."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            return jwt.decode(id_token, self._key_set(), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            if self._keys is not None and time.monotonic() - self._keys[0] < 5.0:
                raise
            self._keys = None  # the provider may have changed its keys
            return jwt.decode(id_token, self._key_set(), algorithms=list(ALGORITHMS))

    def _key_set(self) -> Any:
        from joserfc.jwk import KeySet

        if self._keys is None or time.monotonic() - self._keys[0] > KEYS_FOR_S:
            found = self._get(self._configured("jwks_uri"))
            self._keys = (time.monotonic(), KeySet.import_key_set(found))
        return self._keys[1]

    def _configured(self, name: str) -> str:
        if self._configuration is None:
            issuer = self.provider.issuer.rstrip("/")
            found = self._get(f"{issuer}/.well-known/openid-configuration")
            if found.get("issuer") != self.provider.issuer:
                raise _broken(what="issuer")
            self._configuration = found
        value = self._configuration.get(name)
        if not isinstance(value, str):
            raise _broken(name)
        return value

    def _get(self, address: str) -> Any:
        import httpx2

        try:
            answer = httpx2.get(address, timeout=TIMEOUT_S)
            answer.raise_for_status()
            return answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise _broken(type(error).__name__) from error

    def _client(self, redirect_uri: str) -> Any:
        from authlib.integrations.httpx_client import (  # type: ignore[import-untyped]
            OAuth2Client,
        )

        return OAuth2Client(
            client_id=self.provider.client_id,
            client_secret=self.provider.client_secret,
            scope="openid email",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )


def _broken(what: str) -> Problem:
    """Say that the provider's answer does not hold; its contents stay out of it."""
    return Problem(
        502,
        "sign_in_provider",
        f"The answer of the identity provider does not hold ({what}).",
    )
