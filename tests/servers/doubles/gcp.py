#!/usr/bin/env python3
"""A double of Google Secret Manager (REST, v1), and of what its clients log in with: token exchange, security token service,
impersonation, metadata server. It holds against Google's own client `google-cloud-secret-manager` (REST), which `tests/it` runs.

The metadata server is spoken to in the clear, so the same double listens on a second port without TLS: `address` says where.

Seed: {"project", "number", "modulus": of the RSA key that every service account signs with, in hex,
       "accounts": {email: [permissions]},        who may do what; "*" is everything
       "refresh": {refresh token: email},          of people; "" as the email means that the organisation wants a new login
       "subjects": {token: principal},             identities of elsewhere that are accepted
       "impersonate": {principal: [email]},        who may act as whom: directly, and from one delegate to the next
       "machine": email}                           the metadata server's account

Control words beside those of every double:

    secret   {"name", "location": "…", "versions": [{"data" | "base64", "state", "checksum": false | "wrong"}], "aliases": {}, "expires"}
    version  {"name", "data"}: adds one      state  {"name", "version", "state"}      address  {} -> {"plain": url}
"""
import base64, hashlib, json, re, threading, time, urllib.parse
from control import Double, Server, serve

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SECRETS, CREDENTIALS = "https://secretmanager.googleapis.com/", "https://iamcredentials.googleapis.com/"
CREATED = "2026-01-02T03:04:05.678901Z"


def from_base64url(text): return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8): crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def signed_by(modulus, message, signature):
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2), the public exponent being 65537."""
    length = (modulus.bit_length() + 7) // 8
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    expected = b"\0\1" + b"\xff" * (length - len(digest) - 3) + b"\0" + digest
    return pow(int.from_bytes(signature, "big"), 65537, modulus).to_bytes(length, "big") == expected


class Gcp(Double):
    json_type = "application/json; charset=UTF-8"

    def __init__(self, seed):
        super().__init__(seed)
        self.modulus = int(seed["modulus"], 16)
        self.secrets = {}  # (location, name) -> {"versions": […], "aliases", "expires"}
        self.plain = Server(self, None)
        threading.Thread(target=self.plain.serve_forever, daemon=True).start()

    # --- what the tests arrange
    def control(self, request, name, body):
        key = (body.get("location", ""), body.get("name"))
        if name == "secret": self.secrets[key] = {"versions": body.get("versions", []), "aliases": body.get("aliases", {}), "expires": body.get("expires")}
        elif name == "version": self.secrets[key]["versions"].append({"data": body["data"]})
        elif name == "state": self.secrets[key]["versions"][body["version"] - 1]["state"] = body["state"]
        elif name == "address": return {"plain": f"http://127.0.0.1:{self.plain.server_port}"}
        else: return None
        return {}

    # --- who asks
    def claims(self, token):
        """The claims of a JWT that a known service account signed; else the reason why not."""
        try:
            head, claims, signature = token.split(".")
            said, header = json.loads(from_base64url(claims)), json.loads(from_base64url(head))
            if said["iss"] not in self.seed["accounts"]: return None, "Invalid grant: account not found"
            if header["alg"] != "RS256" or not signed_by(self.modulus, f"{head}.{claims}".encode(), from_base64url(signature)): return None, "Invalid JWT Signature."
            now = time.time()
            if said["exp"] < now or said["iat"] > now + 300 or said["exp"] - said["iat"] > 3600:
                return None, "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
            return said, None
        except (KeyError, ValueError, TypeError): return None, "Invalid JWT"

    def who(self, request, service=SECRETS):
        who = super().who(request)
        if who: return who
        said, _ = self.claims(request.headers.get("Authorization", "").partition(" ")[2])
        return said["iss"] if said and (said.get("aud") == service or SCOPE in said.get("scope", "").split()) else None

    # --- errors, as Google words them
    def error(self, request, code, status, message, reason=None, headers=None):
        body = {"code": code, "message": message, "status": status}
        if reason:
            body["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
                                "metadata": {"service": "secretmanager.googleapis.com"}}]
        request.answer(code, {"error": body}, headers)

    def unauthenticated(self, request):
        sent = bool(request.headers.get("Authorization"))
        words = "Request had invalid authentication credentials." if sent else "Request is missing required authentication credential."
        challenge = 'Bearer realm="https://accounts.google.com/"' + (', error="invalid_token"' if sent else "")
        self.error(request, 401, "UNAUTHENTICATED", words + " Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
                   "ACCESS_TOKEN_EXPIRED" if sent else "CREDENTIALS_MISSING", {"WWW-Authenticate": challenge})

    # --- logins
    def exchange(self, request):
        """oauth2.googleapis.com/token, and sts.googleapis.com/v1/token and /v1/oauthtoken."""
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        def refuse(error, description, status=400, **more): request.answer(status, {"error": error, "error_description": description, **more})
        grant, extra = form.get("grant_type"), {}
        if grant == "refresh_token":
            if request.where.endswith("/oauthtoken"):
                form["client_id"], _, form["client_secret"] = base64.b64decode(request.headers.get("Authorization", "").partition(" ")[2]).decode().partition(":")
            if form.get("client_secret") != "client-secret": return refuse("invalid_client", "Unauthorized", 401)
            who = self.seed["refresh"].get(form.get("refresh_token"))
            if who is None: return refuse("invalid_grant", "Token has been expired or revoked.")
            if not who: return refuse("invalid_grant", "reauth related error (invalid_rapt)", error_subtype="invalid_rapt")
        elif grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            said, why = self.claims(form.get("assertion", ""))
            if not said: return refuse("invalid_grant", why)
            if said.get("aud") not in (self.url + "/token", "https://oauth2.googleapis.com/token"): return refuse("invalid_grant", "Invalid JWT: Failed audience check.")
            if not said.get("scope"): return refuse("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
            who = said["iss"]
        elif grant == "urn:ietf:params:oauth:grant-type:token-exchange":
            if not form.get("audience", "").startswith("//iam.googleapis.com/projects/"): return refuse("invalid_target", "The target service indicated by the \"audience\" parameters is invalid.")
            who = self.seed["subjects"].get(form.get("subject_token"))
            if not who: return refuse("invalid_grant", "The given credential is rejected by the attribute condition.")
            extra = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        else: return refuse("unsupported_grant_type", f"Invalid grant_type: {grant}")
        request.answer(200, {"access_token": self.issue(who, 3599, "ya29."), "expires_in": 3599, "token_type": "Bearer", **extra}, {"Cache-Control": "no-store"})

    def impersonate(self, request, email):
        who = self.who(request, CREDENTIALS)
        if not who: return self.unauthenticated(request)
        if email not in self.seed["accounts"]: return self.error(request, 404, "NOT_FOUND", "Not found; Gaia id not found for email " + email)
        said = json.loads(request.body)
        for one in [delegate.rpartition("/")[2] for delegate in said.get("delegates") or []] + [email]:
            if one in self.seed["impersonate"].get(who, []): who = one
            else: return self.error(request, 403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).", "IAM_PERMISSION_DENIED")
        if SCOPE not in (said.get("scope") or []): return self.error(request, 400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        request.answer(200, {"accessToken": self.issue(email, 3600, "ya29.c."), "expireTime": until})

    def metadata(self, request):
        flavor = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
        if request.headers.get("Metadata-Flavor") != "Google": return request.answer(403, "Missing Metadata-Flavor:Google header.", flavor, "text/html")
        email, path = self.seed.get("machine"), request.where
        if path.endswith("/project/project-id"): return request.answer(200, self.seed["project"], flavor, "application/text")
        if path.endswith("/default/token"): return request.answer(200, {"access_token": self.issue(email, 3599, "ya29.m."), "expires_in": 3599, "token_type": "Bearer"}, flavor)
        if path.endswith("/default/email"): return request.answer(200, email, flavor, "application/text")
        if path.endswith("/default/"): return request.answer(200, {"email": email, "aliases": ["default"], "scopes": [SCOPE]}, flavor)
        request.answer(404, "not found", flavor, "text/html")

    # --- Secret Manager
    def route(self, request):
        path = request.where
        if request.command == "POST" and path in ("/token", "/sts/v1/token", "/sts/v1/oauthtoken"): return self.exchange(request)
        if path.startswith("/computeMetadata/"): return self.metadata(request)
        if path == "/subject":  # not Google's: a server elsewhere that gives out identities
            fine = request.headers.get("X-Identity") == "please"
            return request.answer(200, {"id_token": next(iter(self.seed["subjects"]))}) if fine else request.answer(403)
        found = re.fullmatch(r"/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken", path)
        if found and request.command == "POST": return self.impersonate(request, found[1])
        found = re.fullmatch(r"/v1/projects/([^/]+)(?:/locations/([^/]+))?/secrets(?:/([^/:]+)(:testIamPermissions)?(?:/versions(?:/([^/:]+)(:access)?)?)?)?", path)
        if not found: return request.answer(404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", None, "text/html; charset=UTF-8")
        self.manage(request, *found.groups())

    def manage(self, request, project, location, name, test, version, access):
        who = self.who(request)
        if not who: return self.unauthenticated(request)
        granted = self.seed["accounts"].get(who, [])
        may = lambda permission: "*" in granted or permission in granted
        if request.headers.get("x-goog-user-project") == "other-project":
            return self.error(request, 403, "PERMISSION_DENIED", "Caller does not have required permission to use project other-project.", "USER_PROJECT_DENIED")
        if project not in (self.seed["project"], self.seed["number"]):
            return self.error(request, 403, "PERMISSION_DENIED", f"Permission denied on resource project {project}.", "CONSUMER_INVALID")
        if test: return request.answer(200, {"permissions": [one for one in json.loads(request.body)["permissions"] if may(one)]})
        listing = request.where.endswith("/versions")
        noun = "versions.access" if access else "versions.get" if version else "versions.list" if listing else "secrets.get" if name else "secrets.list"
        where = f"/locations/{location}" if location else ""
        resource = f"projects/{project}{where}" + (f"/secrets/{name}" if name else "") + (f"/versions/{version}" if version else "")
        if not may("secretmanager." + noun):
            return self.error(request, 403, "PERMISSION_DENIED", f"Permission 'secretmanager.{noun}' denied for resource '{resource}' (or it may not exist).", "IAM_PERMISSION_DENIED")
        # Names in answers carry the project's number.
        full = lambda name: f"projects/{self.seed['number']}{where}/secrets/{name}"
        here = {key[1]: secret for key, secret in self.secrets.items() if key[0] == (location or "")}
        if not name: return self.page(request, "secrets", [{"name": full(one), "createTime": CREATED} for one in sorted(here)])
        secret = here.get(name)
        versions = secret["versions"] if secret else []
        if secret is None or (version and not versions): return self.error(request, 404, "NOT_FOUND", f"Secret [{full(name)}] not found or has no versions.")
        state = lambda number: versions[number - 1].get("state", "ENABLED")
        about = lambda number: {"name": f"{full(name)}/versions/{number}", "createTime": CREATED, "state": state(number), "etag": '"1"'}
        if listing: return self.page(request, "versions", [about(number) for number in range(len(versions), 0, -1)])
        if not version:
            expires = {"expireTime": secret["expires"]} if secret["expires"] else {}
            return request.answer(200, {"name": full(name), "createTime": CREATED, "replication": {"automatic": {}}, "etag": '"1"', **expires})
        number = len(versions) if version == "latest" else int(version) if version.isdigit() else int(secret["aliases"].get(version, 0))
        if not 1 <= number <= len(versions): return self.error(request, 404, "NOT_FOUND", f"Secret Version [{full(name)}/versions/{version}] not found.")
        if not access: return request.answer(200, about(number))
        if state(number) != "ENABLED": return self.error(request, 400, "FAILED_PRECONDITION", f"Secret Version [{full(name)}/versions/{number}] is in {state(number)} state.")
        one = versions[number - 1]
        data = base64.b64decode(one["base64"]) if "base64" in one else one["data"].encode()
        content = {"data": base64.b64encode(data).decode()}
        if one.get("checksum") is not False: content["dataCrc32c"] = str(crc32c(data) ^ (one.get("checksum") == "wrong"))
        request.answer(200, {"name": f"{full(name)}/versions/{number}", "payload": content})

    def page(self, request, key, items):
        size = int(request.query.get("pageSize") or 25000)
        start = int(request.query.get("pageToken") or 0)
        more = {"nextPageToken": str(start + size)} if start + size < len(items) else {}
        request.answer(200, {key: items[start:start + size], "totalSize": len(items), **more})


if __name__ == "__main__":
    serve(Gcp, "gcp")
