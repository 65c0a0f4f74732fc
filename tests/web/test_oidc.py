# SPDX-License-Identifier: Apache-2.0
"""Sign-in through an identity provider that runs here, on loopback, and signs."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from oreserve.errors import InputError
from oreserve.web import Provider, Settings, provider_from
from oreserve.web._oidc import SignInElsewhere
from oreserve.web._problems import Problem
from web.conftest import served

CLIENT = "oreserve-test"


class Idp:
    """An identity provider: says who is there, once per code, with PKCE."""

    def __init__(self):
        self.key = ECKey.generate_key("P-256", {"kid": "k1"})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.subject = "person-7"
        self.changes = {}
        self.codes = {}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def authorise(self, address):
        """Do what the provider's page does: return the answer's query."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        self.codes["c0de"] = asked
        return {"code": "c0de", "state": asked["state"]}

    def id_token(self, said_nonce, /, key=None, **changes):
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "nonce": said_nonce,
            "iat": now,
            "exp": now + 300,
        }
        claims |= self.changes | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": "k1"}, claims, key or self.key)

    def _handler(idp):  # noqa: N805  # the inner class has a self of its own
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                here = idp.issuer
                if self.path.endswith("openid-configuration"):
                    self.say(
                        {
                            "issuer": here,
                            "authorization_endpoint": f"{here}/authorize",
                            "token_endpoint": f"{here}/token",
                            "jwks_uri": f"{here}/keys",
                        }
                    )
                else:
                    self.say({"keys": [idp.key.as_dict(private=False)]})

            def do_POST(self):
                size = int(self.headers["content-length"])
                form = {
                    k: v[0] for k, v in parse_qs(self.rfile.read(size).decode()).items()
                }
                asked = idp.codes.pop(form.get("code"), None)
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                if asked is None or challenge != asked["code_challenge"]:
                    self.say({"error": "invalid_grant"}, 400)
                    return
                token = idp.id_token(asked["nonce"])
                self.say(
                    {"access_token": "a", "token_type": "Bearer", "id_token": token}
                )

            def say(self, content, status=200):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler


@pytest.fixture
def idp(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    provider = Idp()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


@pytest.fixture
def elsewhere(idp):
    return SignInElsewhere(Provider(idp.issuer, CLIENT, "secret"))


def test_a_linked_person_gets_a_session_and_a_stranger_none(idp, told_file, tmp_path):
    settings = Settings(
        provider=Provider(idp.issuer, CLIENT, "secret", "the ministry"),
        base_url="http://reserve.test",
    )
    with served(told_file, tmp_path / "o.db", settings) as house:
        client = house.browser()
        assert "Sign in with the ministry" in client.get("/sign-in").text
        away = client.get("/sign-in/elsewhere")
        assert away.headers["location"].startswith(f"{idp.issuer}/authorize?")
        back = client.get(
            "/sign-in/back", params=idp.authorise(away.headers["location"])
        )
        assert back.status_code == 403
        assert "person-7" in back.text

        house.store.access.link_identity(
            "max", issuer=idp.issuer, identity="person-7", by="ada", key="link"
        )
        # Where to come back to is what was set up, not what a client says.
        away = client.get("/sign-in/elsewhere", headers={"host": "evil.example"})
        asked = parse_qs(urlsplit(away.headers["location"]).query)
        assert asked["redirect_uri"] == ["http://reserve.test/sign-in/back"]
        query = idp.authorise(away.headers["location"])
        before = house.store.access.begin_session("mia").secret
        client.cookies.set("oreserve", before, domain="reserve.test", path="/")
        back = client.get("/sign-in/back", params=query)
        assert (back.status_code, back.headers["location"]) == (303, "/")
        assert client.get("/api/v1/me").json()["user"] == "max"
        # The session that came along has ended.
        assert house.store.access.session(before) is None
        # The same answer a second time is worth nothing.
        again = house.browser()
        assert again.get("/sign-in/back", params=query).status_code == 400
        assert again.get("/api/v1/me").status_code == 401


def test_an_answer_for_another_browser_is_refused(idp, elsewhere):
    address, pending = elsewhere.begin("http://x/sign-in/back")
    query = idp.authorise(address)
    _, other = elsewhere.begin("http://x/sign-in/back")
    for held in (None, other):
        with pytest.raises(Problem) as caught:
            elsewhere.finish(query, held, "http://x/sign-in/back")
        assert caught.value.status_code == 400
    assert (
        elsewhere.finish(query, pending, "http://x/sign-in/back").subject == "person-7"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://127.0.0.1:1"},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
        {"azp": "another"},
    ],
)
def test_a_token_whose_claims_do_not_hold_is_refused(idp, elsewhere, changes):
    with pytest.raises(Problem) as caught:
        elsewhere.claims(idp.id_token("n", **changes), "n")
    assert caught.value.status_code == 502


def test_a_token_that_another_key_signed_or_none_is_refused(idp, elsewhere):
    good = idp.id_token("n")
    assert elsewhere.claims(good, "n")["sub"] == "person-7"
    forged = idp.id_token("n", key=ECKey.generate_key("P-256", {"kid": "k1"}))
    _, claims, _ = good.split(".")
    plain = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for token in (forged, f"{plain}.{claims}.", "", "a.b.c"):
        with pytest.raises(Problem):
            elsewhere.claims(token, "n")


def test_a_provider_is_set_up_by_environment_or_file(tmp_path):
    environment = {
        "ORESERVE_OIDC_ISSUER": "https://id.example",
        "ORESERVE_OIDC_CLIENT_ID": "c",
        "ORESERVE_OIDC_CLIENT_SECRET": "hush",
    }
    found = provider_from(environment)
    assert found == Provider("https://id.example", "c", "hush")
    assert "hush" not in repr(found)
    assert provider_from({}) is None
    file = tmp_path / "oidc.json"
    file.write_text('{"issuer": "https://id.example"}')
    with pytest.raises(InputError, match="client_id"):
        provider_from(file=file)
    for issuer in (
        "http://id.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "https://",
        "https://[",
    ):
        with pytest.raises(InputError, match="https"):
            provider_from(environment | {"ORESERVE_OIDC_ISSUER": issuer})
    for issuer in ("http://localhost:8080/realm", "http://127.0.0.1", "http://[::1]:1"):
        assert provider_from(environment | {"ORESERVE_OIDC_ISSUER": issuer})
