"""The double of Azure Key Vault's secrets, of the logins of Entra ID before it, and of the metadata service of a machine in Azure.

Held against Microsoft's own client by tests/it/azure.rs. It listens by TLS as the vault and the login server, and on a second port in
the clear, as the metadata service does; the control plane answers on both. Beside the frame's words it knows

    GET  /_control/places     {"clear": the address of the second port}
    POST /_control/app        {"tenant", "client", "secret"?, "secret_expired"?, "certificates"?: [PEM], "federated"?: [{"issuer", "subject", "key"}],
                               "rights"?: ["get", "list", "deleted"], "assigned"?: bool (a managed identity of this machine), "life"?: seconds}
    POST /_control/secret     {"name", "value"?, "enabled"?, "nbf"?, "exp"?, "enforced"?, "contentType"?}: a new version; answers {"version"}
    POST /_control/attributes {"name", "version"?, ...}: changes those of the newest, or that, version
    POST /_control/delete     {"name"}
    POST /_control/forget     {"client"}: every token of this application is invalid from now on
    POST /_control/logins     {"client"}: how many tokens it was given
"""
import base64, json, re, secrets, threading, time, urllib.parse

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

import control

RESOURCE = "https://vault.azure.net"
CALLER = "appid={0};oid=00000000-0000-0000-0000-0000000000aa;iss=https://sts.windows.net/{1}/"
FAR = 90 * 86400


def unpadded(text): return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed_by(key, algorithm, message, signature):
    if algorithm == "PS256": scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    elif algorithm == "RS256": scheme = padding.PKCS1v15()
    else: return False
    try: key.verify(signature, message, scheme, hashes.SHA256())
    except InvalidSignature: return False
    return True


class Refused(Exception):
    """A login that Entra ID refuses: status, error, number, description."""


class Azure(control.Double):
    def __init__(self, seed):
        super().__init__(seed)
        self.tenants, self.secrets, self.deleted, self.given = {}, {}, {}, {}
        for app in seed.get("apps", []): self.add_app(app)
        for secret in seed.get("secrets", []): self.add_secret(secret)
        self.clear = control.Server(self, None)
        threading.Thread(target=self.clear.serve_forever, daemon=True).start()

    def add_app(self, app):
        app = {"rights": ["get", "list", "deleted"], "life": 3599, **app}
        app["certificates"] = [x509.load_pem_x509_certificate(pem.encode()) for pem in app.get("certificates", [])]
        self.tenants.setdefault(app["tenant"], {})[app["client"]] = app

    def add_secret(self, given):
        now, versions = int(time.time()), self.secrets.setdefault(given["name"], [])
        versions.append({"enabled": True, "value": "", **given, "version": secrets.token_hex(16), "created": now, "updated": now})
        return versions[-1]

    def control(self, request, name, body):
        if name == "places": return {"clear": f"http://127.0.0.1:{self.clear.server_port}"}
        if name == "app": self.add_app(body)
        elif name == "secret": return {"version": self.add_secret(body)["version"]}
        elif name == "attributes":
            versions = self.secrets[body.pop("name")]
            wanted = body.pop("version", versions[-1]["version"])
            next(one for one in versions if one["version"] == wanted).update(body)
        elif name == "delete": self.deleted[body["name"]] = self.secrets.pop(body["name"])
        elif name == "forget": self.tokens = {token: of for token, of in self.tokens.items() if of[0] != body["client"]}
        elif name == "logins": return {"logins": self.given.get(body["client"], 0)}
        else: return None
        return {}

    def app_of(self, client):
        return next((apps[client] for apps in self.tenants.values() if client in apps), None)

    def token_for(self, app):
        self.given[app["client"]] = self.given.get(app["client"], 0) + 1
        return self.issue(app["client"], app["life"], "eyJ0eXAiOiJKV1QifQ.")

    # --- logins

    def entra(self, request, tenant):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        try:
            app = self.prove(tenant, form)
        except Refused as refused:
            status, error, number, what = refused.args
            return request.answer(status, {
                "error": error, "error_description": f"AADSTS{number}: {what} Trace ID: 0 Correlation ID: 0 Timestamp: 0", "error_codes": [number],
                "timestamp": "2026-01-01 00:00:00Z", "trace_id": "0", "correlation_id": "0", "error_uri": f"https://login.microsoftonline.com/error?code={number}"})
        request.answer(200, {"token_type": "Bearer", "expires_in": app["life"], "ext_expires_in": app["life"], "access_token": self.token_for(app)},
                       {"Cache-Control": "no-store"})

    def prove(self, tenant, form):
        apps, client = self.tenants.get(tenant), form.get("client_id")
        if apps is None: raise Refused(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        app = apps.get(client)
        if app is None: raise Refused(400, "unauthorized_client", 700016, f"Application with identifier '{client}' was not found in the directory '{tenant}'.")
        if form.get("grant_type") != "client_credentials": raise Refused(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if "client_assertion" in form: self.check_assertion(tenant, app, form)
        elif "client_secret" not in form: raise Refused(401, "invalid_client", 7000218, "The request body must contain 'client_assertion' or 'client_secret'.")
        elif not app.get("secret") or form["client_secret"] != app["secret"]:
            raise Refused(401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.")
        elif app.get("secret_expired"): raise Refused(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
        if form.get("scope") not in (f"{RESOURCE}/.default", f"{RESOURCE}//.default"):
            raise Refused(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
        return app

    def check_assertion(self, tenant, app, form):
        wrong = lambda what: Refused(401, "invalid_client", 700027, f"Client assertion failed signature validation. {what}")
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer": raise wrong("The type is missing.")
        try:
            head, claims, signature = form["client_assertion"].split(".")
            message, signature = f"{head}.{claims}".encode(), unpadded(signature)
            head, claims = json.loads(unpadded(head)), json.loads(unpadded(claims))
            life = claims.get("nbf", claims.get("iat", 0)), claims["exp"]
        except (ValueError, KeyError): raise Refused(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from None
        now = time.time()
        if not life[0] - 300 <= now < life[1]: raise Refused(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")
        if claims.get("iss") == app["client"]:
            # The older mark is still taken, and still sent by some clients.
            mark, by = ("x5t#S256", hashes.SHA256()) if "x5t#S256" in head else ("x5t", hashes.SHA1())
            certificate = next((one for one in app["certificates"] if one.fingerprint(by) == unpadded(head.get(mark, ""))), None)
            if certificate is None: raise wrong("The certificate is not registered.")
            if not signed_by(certificate.public_key(), head.get("alg"), message, signature): raise wrong("The signature does not fit.")
            if claims.get("sub") != app["client"] or not claims.get("jti"): raise wrong("Claims are missing.")
            if claims.get("aud") != f"{self.url}/{tenant}/oauth2/v2.0/token": raise Refused(401, "invalid_client", 700023, "Client assertion audience claim does not match.")
            return
        trusted = next((one for one in app.get("federated", []) if (one["issuer"], one["subject"]) == (claims.get("iss"), claims.get("sub"))), None)
        if trusted is None: raise Refused(401, "invalid_client", 70021, "No matching federated identity record found for presented assertion.")
        key = serialization.load_pem_public_key(trusted["key"].encode())
        if claims.get("aud") != "api://AzureADTokenExchange": raise Refused(401, "invalid_client", 700212, "No matching federated identity record found for presented assertion audience.")
        if not signed_by(key, head.get("alg"), message, signature): raise wrong("The signature does not fit.")

    def machine(self, request, header, value, resource):
        """Managed identity: App Service and the metadata service differ in the header alone."""
        if request.headers.get(header) != value:
            return request.answer(400, {"error": "invalid_request", "error_description": "Required metadata header not specified"})
        client = request.query.get("client_id")
        assigned = [app for apps in self.tenants.values() for app in apps.values() if app.get("assigned")]
        own = [app for app in assigned if client in (None, app["client"])]
        if not own: return request.answer(400, {"error": "invalid_request", "error_description": "Identity not found"})
        if resource not in (RESOURCE, RESOURCE + "/"): return request.answer(400, {"error": "invalid_resource", "error_description": "AADSTS500011"})
        end = int(time.time()) + own[0]["life"]
        request.answer(200, {"access_token": self.token_for(own[0]), "client_id": own[0]["client"], "expires_in": str(own[0]["life"]), "expires_on": str(end),
                             "resource": resource, "token_type": "Bearer"})

    # --- the vault

    def refuse(self, request, status, code, message, inner=None, headers=None):
        error = {"code": code, "message": message}
        if inner: error["innererror"] = {"code": inner}
        request.answer(status, {"error": error}, headers)

    def bundle(self, secret, value=False, version=True):
        attributes = {name: secret[name] for name in ("enabled", "nbf", "exp", "created", "updated") if name in secret}
        told = {"id": f"{self.url}/secrets/{secret['name']}" + (f"/{secret['version']}" if version else ""), "tags": {},
                "attributes": {**attributes, "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}}
        if value: told["value"] = secret["value"]
        if "contentType" in secret: told["contentType"] = secret["contentType"]
        return told

    def missing(self, request, name):
        self.refuse(request, 404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault.")

    def page(self, request, all_of_them):
        most = int(request.query.get("maxresults", self.seed.get("page", 25)))
        if not 1 <= most <= 25: return self.refuse(request, 400, "BadParameter", "AKV10037: The property 'maxresults' must be between 1 and 25")
        start = int(unpadded(request.query["$skiptoken"])) if "$skiptoken" in request.query else 0
        rest = None
        if start + most < len(all_of_them):
            mark = base64.urlsafe_b64encode(str(start + most).encode()).decode().rstrip("=")
            rest = f"{self.url}{urllib.parse.quote(request.where)}?" + urllib.parse.urlencode(
                {"api-version": request.query["api-version"], "$skiptoken": mark, "maxresults": most})
        request.answer(200, {"value": all_of_them[start:start + most], "nextLink": rest})

    def route(self, request):
        where = request.where
        if (found := re.fullmatch(r"/([^/]+)/oauth2/v2\.0/token", where)) and request.command == "POST": return self.entra(request, found[1])
        if found := re.fullmatch(r"/([^/]+)/v2\.0/\.well-known/openid-configuration", where):
            base = f"{self.url}/{found[1]}"
            return request.answer(200, {"token_endpoint": f"{base}/oauth2/v2.0/token", "issuer": f"{base}/v2.0", "authorization_endpoint": f"{base}/oauth2/v2.0/authorize"})
        if where == "/metadata/identity/oauth2/token": return self.machine(request, "Metadata", "true", request.query.get("resource"))
        if where == "/app-service/token": return self.machine(request, "X-IDENTITY-HEADER", "of-this-app", request.query.get("resource"))
        if where == "/arc/token":
            # The key lies where only the agent's group can read it; this one names a place where it never is.
            return request.answer(401, None, {"WWW-Authenticate": f"Basic realm={self.seed.get('arc_key', '/etc/hostname')}"})
        app = self.app_of(self.who(request))
        if app is None:
            tenant = self.seed["tenant"]
            return self.refuse(request, 401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.", headers={
                "WWW-Authenticate": f'Bearer authorization="{self.url}/{tenant}", resource="{RESOURCE}"', "x-ms-keyvault-region": "double"})
        if app["tenant"] != self.seed["tenant"]:
            return self.refuse(request, 401, "Unauthorized", "AKV10032: Invalid issuer.", headers={
                "WWW-Authenticate": f'Bearer authorization="{self.url}/{self.seed["tenant"]}", resource="{RESOURCE}"'})
        if "api-version" not in request.query: return self.refuse(request, 400, "BadParameter", "AKV10001: api-version must be specified")
        self.secret(request, app)

    def secret(self, request, app):
        found = re.fullmatch(r"/(secrets|deletedsecrets)(?:/([^/]+))?(?:/([^/]*))?", request.where)
        if not found: return self.refuse(request, 404, "NotFound", "no such route")
        kind, name, rest = found[1], found[2], found[3]
        right = "deleted" if kind == "deletedsecrets" else "list" if name is None or rest == "versions" else "get"
        # Rights are looked at before anything is looked for.
        if right not in app["rights"]:
            caller, verb = CALLER.format(app["client"], app["tenant"]), {"get": "getSecret", "list": "readMetadata", "deleted": "readMetadata"}[right]
            if self.seed.get("policies") or app.get("policies"):
                return self.refuse(request, 403, "Forbidden", f"The user, group or application '{caller}' does not have secrets {right} permission on key vault "
                                   "'double;location=here'.", "ForbiddenByPolicy")
            return self.refuse(request, 403, "Forbidden", "Caller is not authorized to perform action on resource.\r\nIf role assignments were changed recently, please "
                               f"observe propagation time.\r\nCaller: {caller}\r\nAction: 'Microsoft.KeyVault/vaults/secrets/{verb}/action'\r\n", "ForbiddenByRbac")
        if kind == "deletedsecrets":
            if name not in self.deleted: return self.missing(request, name)
            now = int(time.time())
            return request.answer(200, {**self.bundle(self.deleted[name][-1]), "recoveryId": f"{self.url}/deletedsecrets/{name}", "deletedDate": now, "scheduledPurgeDate": now + FAR})
        if name is None: return self.page(request, [self.bundle(versions[-1], version=False) for _, versions in sorted(self.secrets.items())])
        if not re.fullmatch("[0-9a-zA-Z-]{1,127}", name): return self.refuse(request, 400, "BadParameter", "The request URI contains an invalid name")
        versions = self.secrets.get(name)
        if not versions: return self.missing(request, name)
        if rest == "versions": return self.page(request, [self.bundle(one) for one in sorted(versions, key=lambda one: one["version"])])
        one = next((one for one in versions if one["version"] == rest), None) if rest else versions[-1]
        if one is None: return self.missing(request, f"{name}/{rest}")
        if not one["enabled"]: return self.refuse(request, 403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
        if one.get("enforced") and one.get("nbf", 0) > time.time(): return self.refuse(request, 403, "Forbidden", "Operation get is not allowed before its time.", "SecretNotYetValid")
        if one.get("enforced") and "exp" in one and one["exp"] < time.time(): return self.refuse(request, 403, "Forbidden", "Operation get is not allowed on an expired secret.", "SecretExpired")
        request.answer(200, self.bundle(one, value=True))


if __name__ == "__main__":
    control.serve(Azure, "azure")
