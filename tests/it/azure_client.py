"""Microsoft's own client, for the same questions as hallpass: reads {"url", "ca", "login", "ask": [{"name", "version"?}]} from standard input
and writes a list of {"value", "version"} or {"error", "status", "code"}. With {"sign": claims, "key": PEM} it writes a token signed RS256.

"login" is {"kind": "secret" | "certificate" | "assertion" | "workload" | "managed" | "cli", "tenant", "client", "secret" | "path" | "token"}. A managed
identity is that of a machine, of App Service or of Azure Arc, by what the environment holds."""
import json, sys

import jwt
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.identity import (AzureCliCredential, CertificateCredential, ClientAssertionCredential, ClientSecretCredential, ManagedIdentityCredential,
                            WorkloadIdentityCredential)
from azure.keyvault.secrets import SecretClient


def credential(order):
    login = order["login"]
    where = {"authority": order["url"], "disable_instance_discovery": True, "connection_verify": order["ca"]}
    if login["kind"] == "secret": return ClientSecretCredential(login["tenant"], login["client"], login["secret"], **where)
    if login["kind"] == "certificate": return CertificateCredential(login["tenant"], login["client"], login["path"], **where)
    if login["kind"] == "assertion": return ClientAssertionCredential(login["tenant"], login["client"], lambda: login["token"], **where)
    if login["kind"] == "workload":
        return WorkloadIdentityCredential(tenant_id=login["tenant"], client_id=login["client"], token_file_path=login["path"], **where)
    if login["kind"] == "cli": return AzureCliCredential(tenant_id=login["tenant"])
    return ManagedIdentityCredential(client_id=login["client"])


def inner(error):
    """The most exact code of an error of Key Vault."""
    code = None
    while error is not None:
        code, error = error.code or code, getattr(error, "innererror", None)
        if isinstance(error, dict): return error.get("code", code)
    return code


def read(client, name, version=None):
    try:
        secret = client.get_secret(name, version)
        return {"value": secret.value, "version": secret.properties.version}
    except ClientAuthenticationError as error: return {"error": "login", "status": error.status_code}
    except HttpResponseError as error: return {"error": "answer", "status": error.status_code, "code": inner(error.error) if error.error else None}
    except (ServiceRequestError, ServiceResponseError): return {"error": "network"}


order = json.load(sys.stdin)
if "sign" in order:
    print(jwt.encode(order["sign"], order["key"], algorithm="RS256"))
else:
    client = SecretClient(order["url"], credential(order), verify_challenge_resource=False, connection_verify=order["ca"], retry_total=2, retry_backoff_factor=0.05)
    json.dump([read(client, one["name"], one.get("version")) for one in order["ask"]], sys.stdout)
