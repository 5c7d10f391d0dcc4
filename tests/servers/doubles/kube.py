#!/usr/bin/env python3
"""A double of a Kubernetes API server as far as Secrets go: discovery, namespaces, secrets (whole, their metadata alone, lists), who one
is (also by name and password, or acting as somebody else) and what one may. It holds against kubectl and the official Python client, which `tests/it` runs. The log notes as whom somebody acts: `as`, [name, groups, uid].

Seed: {"users": {name: {"token": text, "rules": [[verb, resource, namespace, name], …]}}, "certificates": {common name: user}}
A rule's parts are regular expressions for the whole; a namespace of "" is the whole cluster.

Control words beside those of every double:

    namespace  {"name"}                                 makes one
    secret     {"namespace", "name", "data": {key: base64}, "type", "writers": false}   writes one; a null `data` deletes it
    user       {"name", "token", "password", "seconds", "rules"}   makes one, or gives it another token or password
    old        {"name", "lacks": ["metadata", "reviews"]}   the API server is too old for one or the other, as far as this user sees
    address    {} -> {"plain": url}                     the same server in the clear
"""
import base64, datetime, json, re, threading, time, uuid
from control import Double, Server, serve

ACCESS = "/apis/authorization.k8s.io/v1"
IDENTITY = "/apis/authentication.k8s.io/v1"


def now(): return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Kube(Double):
    json_type = "application/json"

    def __init__(self, seed):
        super().__init__(seed)
        self.rules, self.certificates, self.version = {}, seed.get("certificates", {}), 1000
        self.namespaces = {"default": {}}
        self.lacks, self.passwords = {}, {}
        self.plain = Server(self, None)
        threading.Thread(target=self.plain.serve_forever, daemon=True).start()
        for name, user in seed["users"].items(): self.control(None, "user", {"name": name, **user})

    # --- what the tests arrange
    def control(self, request, name, body):
        if name == "namespace": self.namespaces.setdefault(body["name"], {})
        elif name == "secret": self.write(body)
        elif name == "user":
            self.rules[body["name"]] = body.get("rules", [])
            if "password" in body: self.passwords[body["name"]] = body["password"]
            if "token" in body: self.tokens[body["token"]] = (body["name"], time.time() + body.get("seconds", 86400))
        elif name == "old": self.lacks[body["name"]] = body["lacks"]
        elif name == "address": return {"plain": f"http://127.0.0.1:{self.plain.server_port}"}
        else: return None
        return {}

    def write(self, wanted):
        secrets, name = self.namespaces.setdefault(wanted["namespace"], {}), wanted["name"]
        if wanted["data"] is None: return secrets.pop(name, None)
        self.version += 1
        old = secrets.get(name)
        metadata = {"name": name, "namespace": wanted["namespace"], "uid": old["metadata"]["uid"] if old else str(uuid.uuid4()),
                    "resourceVersion": str(self.version), "creationTimestamp": old["metadata"]["creationTimestamp"] if old else "2026-01-02T03:04:05Z"}
        if wanted.get("writers", True):
            # As the server notes who wrote what: the names of the keys, never their values.
            keys = {".": {}, **{f"f:{key}": {} for key in wanted["data"]}}
            metadata["managedFields"] = [{"manager": "kubectl-create", "operation": "Update", "apiVersion": "v1", "time": now(), "fieldsType": "FieldsV1",
                                          "fieldsV1": {"f:data": keys, "f:type": {}}}]
        secrets[name] = {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "type": wanted.get("type", "Opaque"), "data": wanted["data"]}

    # --- who asks, and what they may
    def who(self, request):
        if request.headers.get("Authorization", "").startswith("Basic "):
            name, _, password = base64.b64decode(request.headers["Authorization"][6:]).decode().partition(":")
            return name if self.passwords.get(name) == password else None
        if request.headers.get("Authorization"): return super().who(request)
        certificate = request.connection.getpeercert() if hasattr(request.connection, "getpeercert") else None
        if not certificate: return None
        return self.certificates.get(dict(part[0] for part in certificate["subject"]).get("commonName"))

    def may(self, user, *wanted):
        return any(all(re.fullmatch(part, have) for part, have in zip(rule, wanted)) for rule in self.rules.get(user, []))

    def status(self, request, code, reason, message, details=None):
        request.answer(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
                              **({"details": details} if details else {}), "code": code})

    def forbid(self, request, user, verb, resource, namespace, name):
        subject = f'{resource} "{name}"' if name else resource
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        self.status(request, 403, "Forbidden", f'{subject} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "" {where}',
                    {**({"name": name} if name else {}), "kind": resource})

    # --- the API
    def route(self, request):
        path = request.where.rstrip("/")
        if path in ("/livez", "/readyz", "/healthz"): return request.answer(200, "ok", kind="text/plain")
        if path == "/version": return request.answer(200, {"major": "1", "minor": "37", "gitVersion": "v1.37.1", "platform": "linux/amd64"})
        user = self.who(request)
        if user is None and request.headers.get("Authorization"): return self.status(request, 401, "Unauthorized", "Unauthorized")
        user, groups = (user, ["system:authenticated"]) if user else ("system:anonymous", ["system:unauthenticated"])
        other = request.headers.get("Impersonate-User")
        if other:
            if not self.may(user, "impersonate", "users", "", other): return self.forbid(request, user, "impersonate", "users", "", other)
            user, groups = other, request.headers.get_all("Impersonate-Group") or []
            request.noted["as"] = [user, groups, request.headers.get("Impersonate-Uid")]
        if request.command == "POST": return self.review(request, path, user, groups)
        if path in DISCOVERY and user != "system:anonymous": return request.answer(200, DISCOVERY[path])
        found = re.fullmatch(r"/api/v1(?:/namespaces/([^/]+))?/secrets(?:/([^/]+))?", path)
        if found: return self.secrets(request, user, found[1] or "", found[2])
        found = re.fullmatch(r"/api/v1/namespaces(?:/([^/]+))?", path)
        if found: return self.listed_namespaces(request, user, found[1])
        if user == "system:anonymous":
            return self.status(request, 403, "Forbidden", f'forbidden: User "{user}" cannot get path "{path}"', {})
        self.status(request, 404, "NotFound", "the server could not find the requested resource", {})

    def review(self, request, path, user, groups):
        try: body = review_in_protobuf(request.body) if request.body.startswith(b"k8s\0") else json.loads(request.body)
        except ValueError: return self.status(request, 415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json")
        if path == f"{ACCESS}/selfsubjectaccessreviews":
            wanted = body["spec"].get("resourceAttributes", {})
            allowed = self.may(user, wanted.get("verb", ""), wanted.get("resource", ""), wanted.get("namespace", ""), wanted.get("name", ""))
            return request.answer(201, {**body, "status": {"allowed": allowed}})
        if path == f"{IDENTITY}/selfsubjectreviews" and "reviews" not in self.lacks.get(user, []):
            if user == "system:anonymous":
                return self.status(request, 403, "Forbidden", f'selfsubjectreviews.authentication.k8s.io is forbidden: User "{user}" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope', {})
            return request.answer(201, {**body, "status": {"userInfo": {"username": user, "groups": groups}}})
        self.status(request, 404, "NotFound", "the server could not find the requested resource", {})

    def listed_namespaces(self, request, user, name):
        verb = "get" if name else "list"
        if not self.may(user, verb, "namespaces", name or "", name or ""): return self.forbid(request, user, verb, "namespaces", name or "", name)
        if name and name not in self.namespaces:
            return self.status(request, 404, "NotFound", f'namespaces "{name}" not found', {"name": name, "kind": "namespaces"})
        one = lambda name: {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, "creationTimestamp": "2026-01-02T03:04:05Z"}, "status": {"phase": "Active"}}
        if name: return self.give(request, one(name))
        request.answer(200, {"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": [one(name) for name in sorted(self.namespaces)]})

    def secrets(self, request, user, namespace, name):
        verb = "get" if name else "list"
        # Rules come before existence: a namespace that is not there is refused like one that is.
        if not self.may(user, verb, "secrets", namespace, name or ""): return self.forbid(request, user, verb, "secrets", namespace, name)
        if name:
            secret = self.namespaces.get(namespace, {}).get(name)
            if not secret: return self.status(request, 404, "NotFound", f'secrets "{name}" not found', {"name": name, "kind": "secrets"})
            return self.give(request, secret)
        every = [secret for at in sorted(self.namespaces) if namespace in ("", at) for _, secret in sorted(self.namespaces[at].items())]
        start = int(base64.urlsafe_b64decode(request.query.get("continue") or "MA=="))
        end = start + (int(request.query.get("limit") or 0) or len(every) or 1)
        metadata = {"resourceVersion": str(self.version)}
        if end < len(every): metadata.update({"continue": base64.urlsafe_b64encode(str(end).encode()).decode(), "remainingItemCount": len(every) - end})
        self.give(request, {"kind": "SecretList", "apiVersion": "v1", "metadata": metadata, "items": every[start:end]})

    def give(self, request, thing):
        """The thing, or its metadata alone where that is what the client accepts."""
        accept = request.headers.get("Accept", "")
        if "as=PartialObjectMetadata" not in accept: return request.answer(200, thing)
        request.noted["metadata"] = True
        if "metadata" in self.lacks.get(self.who(request), []):
            if "," in accept or "*/*" in accept: return request.answer(200, thing)
            return self.status(request, 406, "NotAcceptable", "only the following media types are accepted: application/json")
        partial = lambda one: {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": one["metadata"]}
        if "items" in thing:
            return request.answer(200, {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": thing["metadata"], "items": [partial(one) for one in thing["items"]]})
        request.answer(200, partial(thing))


def review_in_protobuf(body):
    """The review in kubectl's own encoding: `runtime.Unknown`, in it at 2 the object, in it at 2 the spec, in it at 1 the wanted right."""
    def fields(data):
        found, at = {}, 0
        def number():
            nonlocal at
            value = shift = 0
            while True:
                byte, at = data[at], at + 1
                value |= (byte & 0x7F) << shift
                if byte < 0x80: return value
                shift += 7
        while at < len(data):
            key = number()
            if key & 7 == 0: found[key >> 3] = number()
            elif key & 7 == 2:
                length = number()
                found[key >> 3], at = data[at:at + length], at + length
            else: raise ValueError("an encoding that no review has")
        return found
    wanted = fields(fields(fields(fields(body[4:]).get(2, b"")).get(2, b"")).get(1, b""))
    names = {1: "namespace", 2: "verb", 5: "resource", 7: "name"}
    kind = {"apiVersion": fields(fields(body[4:])[1])[1].decode(), "kind": fields(fields(body[4:])[1])[2].decode()}
    return {**kind, "spec": {"resourceAttributes": {name: wanted[at].decode() for at, name in names.items() if at in wanted}}}


def group(name): return {"name": name, "versions": [{"groupVersion": f"{name}/v1", "version": "v1"}], "preferredVersion": {"groupVersion": f"{name}/v1", "version": "v1"}}


def resource(name, kind, namespaced, *verbs): return {"name": name, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind, "verbs": list(verbs)}


def resources(version, *listed): return {"kind": "APIResourceList", "groupVersion": version, "resources": list(listed)}


DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("authorization.k8s.io"), group("authentication.k8s.io")]},
    "/api/v1": resources("v1", resource("secrets", "Secret", True, "get", "list"), resource("namespaces", "Namespace", False, "get", "list")),
    ACCESS: resources("authorization.k8s.io/v1", resource("selfsubjectaccessreviews", "SelfSubjectAccessReview", False, "create")),
    IDENTITY: resources("authentication.k8s.io/v1", resource("selfsubjectreviews", "SelfSubjectReview", False, "create")),
}

if __name__ == "__main__": serve(Kube, "kube")
