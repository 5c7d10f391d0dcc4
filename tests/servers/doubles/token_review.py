"""The one call of a Kubernetes API server that Vault's Kubernetes login needs: TokenReview.

Words of its own: POST /_control/account {"jwt": "...", "namespace": "...", "name": "..."} makes a service account's token valid, and
{"jwt": "...", "gone": true} ends it.
"""
import json

from control import Double, serve


class TokenReview(Double):
    def __init__(self, seed):
        super().__init__(seed)
        self.accounts = {}

    def route(self, request):
        if request.command != "POST" or request.where != "/apis/authentication.k8s.io/v1/tokenreviews":
            return request.answer(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
        review = json.loads(request.body)
        account = self.accounts.get(review["spec"]["token"])
        if account:
            user = {"username": "system:serviceaccount:{namespace}:{name}".format(**account), "uid": "u-" + account["name"],
                    "groups": ["system:serviceaccounts", "system:serviceaccounts:" + account["namespace"], "system:authenticated"]}
            status = {"authenticated": True, "user": user, "audiences": review["spec"].get("audiences", [])}
        else:
            status = {"authenticated": False, "user": {}, "error": "invalid bearer token"}
        request.answer(201, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}, "spec": {}, "status": status})

    def control(self, request, name, body):
        if name != "account": return None
        if body.get("gone"): self.accounts.pop(body["jwt"], None)
        else: self.accounts[body["jwt"]] = {"namespace": body["namespace"], "name": body["name"]}
        return {}


if __name__ == "__main__":
    serve(TokenReview, "token_review")
