"""An OpenID Connect provider for the login of a browser: discovery, keys, the page that sends the browser back, signed tokens.

Seed: {"client_id": "...", "client_secret": "..."}; beside the seed lies its key, signing.pem. `authorize` knows no passwords: who logs in
is the query's `user`, and `refuse=1` is the person who presses Cancel.

Words of its own: POST /_control/sign {"claims": {…}, "key": "other"} gives a JWT signed with the key, or with one that nobody knows;
POST /_control/key gives the public key as PEM.
"""
import base64, hashlib, json, os, secrets, subprocess, sys, time, urllib.parse

from control import Double, serve

KEY = os.path.join(os.path.dirname(os.path.abspath(sys.argv[sys.argv.index("--seed") + 1])), "signing.pem")


def openssl(*words, data=b""):
    return subprocess.run(["openssl", *words], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def text64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims, key=KEY, kid="one"):
    """A JWT, RS256."""
    head = {"alg": "RS256", "typ": "JWT", "kid": kid}
    body = ".".join(text64(json.dumps(part).encode()) for part in (head, claims))
    return body + "." + text64(openssl("dgst", "-sha256", "-sign", key, data=body.encode()))


class Oidc(Double):
    def __init__(self, seed):
        super().__init__(seed)
        modulus = openssl("rsa", "-in", KEY, "-noout", "-modulus").decode().strip().partition("=")[2]
        self.jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "e": "AQAB", "n": text64(bytes.fromhex(modulus))}
        self.codes = {}

    def route(self, request):
        where = request.where
        if where == "/.well-known/openid-configuration":
            return request.answer(200, {
                "issuer": self.url, "authorization_endpoint": self.url + "/authorize", "token_endpoint": self.url + "/token",
                "jwks_uri": self.url + "/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"]})
        if where == "/keys": return request.answer(200, {"keys": [self.jwk]})
        if where == "/authorize": return self.authorize(request, request.query)
        if where == "/token": return self.token(request, dict(urllib.parse.parse_qsl(request.body.decode())))
        request.answer(404, {"error": "not_found"})

    def authorize(self, request, query):
        if query.get("client_id") != self.seed["client_id"] or query.get("response_type") != "code":
            return request.answer(400, {"error": "invalid_request"})
        if query.get("refuse"):
            back = {"error": "access_denied", "error_description": "no means no"}
        else:
            code = secrets.token_urlsafe(18)
            self.codes[code] = query
            back = {"code": code}
        back = urllib.parse.urlencode({**back, "state": query["state"]})
        request.answer(302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    def token(self, request, form):
        scheme, _, basic = request.headers.get("Authorization", "").partition(" ")
        given = base64.b64decode(basic).decode() if scheme == "Basic" else f"{form.get('client_id')}:{form.get('client_secret')}"
        if urllib.parse.unquote_plus(given) != f"{self.seed['client_id']}:{self.seed['client_secret']}":
            return request.answer(401, {"error": "invalid_client"})
        asked = self.codes.pop(form.get("code"), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return request.answer(400, {"error": "invalid_grant"})
        if asked.get("code_challenge"):
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if text64(digest) != asked["code_challenge"]: return request.answer(400, {"error": "invalid_grant"})
        now, user = int(time.time()), asked.get("user", "alice")
        claims = {"iss": self.url, "sub": user, "aud": self.seed["client_id"], "iat": now, "exp": now + 300,
                  "nonce": asked.get("nonce"), "groups": ["dba"] if user == "alice" else []}
        request.answer(200, {"access_token": self.issue(user), "token_type": "Bearer", "expires_in": 300, "id_token": signed(claims)})

    def control(self, request, name, body):
        if name == "sign":
            key = KEY if body.get("key") != "other" else KEY + ".other"
            if not os.path.exists(key): openssl("genrsa", "-out", key, "2048")
            return {"jwt": signed(body["claims"], key)}
        if name == "key": return {"pem": openssl("rsa", "-in", KEY, "-pubout").decode()}


if __name__ == "__main__":
    serve(Oidc, "oidc")
