"""Vault's LDAP login, which OpenBao does not have built in: this one endpoint in front of a real server, which answers everything else.

Seed: {"vault": address, "token": a root token}. The login gives a real token of the real server.

Words of its own: POST /_control/user {"name": "...", "password": "...", "policies": […], "ttl": "10m"}.
"""
import json, urllib.error, urllib.request

from control import Double, serve


class LdapLogin(Double):
    def __init__(self, seed):
        super().__init__(seed)
        self.users = {}

    def vault(self, method, path, headers, body):
        asked = urllib.request.Request(self.seed["vault"] + path, data=body or None, method=method, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer: return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def route(self, request):
        name = request.where.removeprefix("/v1/auth/ldap/login/")
        if name == request.where or "/" in name:
            headers = {key: value for key, value in request.headers.items() if key.lower().startswith("x-vault-")}
            return request.answer(*self.vault(request.command, request.path, headers, request.body))
        if request.command not in ("POST", "PUT"): return request.answer(405, {"errors": ["unsupported operation"]})
        user = self.users.get(name)
        if user is None or json.loads(request.body).get("password") != user["password"]:
            return request.answer(400, {"errors": ["ldap operation failed: failed to bind as user"]})
        wanted = {"policies": user["policies"], "ttl": user["ttl"], "display_name": "ldap-" + name}
        headers = {"X-Vault-Token": self.seed["token"]}
        request.answer(*self.vault("POST", "/v1/auth/token/create", headers, json.dumps(wanted).encode()))

    def control(self, request, name, body):
        if name != "user": return None
        self.users[body["name"]] = {"policies": ["default"], "ttl": "10m", **body}
        return {}


if __name__ == "__main__":
    serve(LdapLogin, "ldap_login")
