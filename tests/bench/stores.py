"""Four stores with the same secrets in each, as far away as a server in another region, for what reading many of them costs."""
import contextlib
import json
import os
import secrets
import subprocess
import urllib.parse
import urllib.request

KEYS = ("username", "password", "host")


def call(url, body, headers=None, method="POST"):
    request = urllib.request.Request(url, json.dumps(body).encode(), headers or {}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"{}")


def vault(method, path, body):
    return call(f"{os.environ['HP_VAULT_ADDR']}/v1/{path}", body, {"X-Vault-Token": os.environ["HP_VAULT_TOKEN"]}, method)


def boto(calls):
    """Calls of AWS' own client as the administrator."""
    asked = {
        "endpoint": os.environ["HP_AWS_ENDPOINT"], "region": "eu-west-1", "calls": calls,
        "key_id": os.environ["HP_AWS_ACCESS_KEY_ID"], "secret_key": os.environ["HP_AWS_SECRET_ACCESS_KEY"],
    }
    script = os.path.join(os.path.dirname(__file__), "../servers/aws_call.py")
    env = os.environ | {"PYTHONPATH": os.environ["HP_PYTHONPATH"]}
    done = subprocess.run([os.environ["HP_PYTHON"], script], input=json.dumps(asked), env=env, check=True, capture_output=True, text=True)
    answers = json.loads(done.stdout)
    wrong = [answer for answer in answers if "error" in answer and answer["error"] != "ResourceExistsException"]
    if wrong:
        raise SystemExit(f"AWS' double refuses: {wrong[0]}")
    return answers


def fill(names):
    """Writes a secret of each name into every store, the same keys in each."""
    value = {key: f"{key} of many" for key in KEYS}
    text = json.dumps(value)
    for name in names:
        vault("POST", f"secret/data/{name}", {"data": value})
        call(f"{os.environ['HP_AZURE_CLEAR']}/_control/secret", {"name": name, "value": text})
        call(f"{os.environ['HP_GCP_PLAIN_ADDR']}/_control/secret", {"name": name, "versions": [{"data": text}]})
    boto([{"service": "secretsmanager", "call": "create_secret", "arguments": {"Name": name, "SecretString": text}} for name in names])


def login_of_vault():
    with contextlib.suppress(urllib.error.HTTPError):  # it is there already
        vault("POST", "sys/auth/approle", {"type": "approle"})
    vault("PUT", "sys/policies/acl/bench", {"policy": 'path "secret/data/*" { capabilities = ["read"] }'})
    vault("POST", "auth/approle/role/bench", {"token_policies": "bench"})
    role_id = vault("GET", "auth/approle/role/bench/role-id", None)["data"]["role_id"]
    secret_id = vault("POST", "auth/approle/role/bench/secret-id", {})["data"]["secret_id"]
    return {"VAULT_APP_ROLE_ID": role_id, "VAULT_APP_ROLE_SECRET_ID": secret_id}


def login_of_azure():
    app = {"tenant": "11111111-1111-4111-8111-111111111111", "client": "aaaaaaaa-0000-4000-8000-00000000be9c", "secret": secrets.token_hex(12)}
    call(f"{os.environ['HP_AZURE_CLEAR']}/_control/app", app)
    return {"AZURE_TENANT_ID": app["tenant"], "AZURE_CLIENT_ID": app["client"], "AZURE_CLIENT_SECRET": app["secret"]}


def login_of_gcp(folder, address):
    account = f"{folder}/account.json"
    with open(os.environ["HP_GCP_KEY"]) as key, open(os.open(account, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump({
            "type": "service_account", "project_id": "hp-project", "private_key_id": "one", "private_key": key.read(),
            "client_email": "full@hp-project.iam.gserviceaccount.com", "token_uri": f"{address}/token",
        }, file)
    return {"GOOGLE_APPLICATION_CREDENTIALS": account}


@contextlib.contextmanager
def far_away(milliseconds):
    """The addresses of the stores behind that much of a round trip, by kind."""
    near = {"vault": os.environ["HP_VAULT_TLS_ADDR"], "aws": os.environ["HP_AWS_ENDPOINT"], "azure": os.environ["HP_AZURE_URL"], "gcp": os.environ["HP_GCP_ADDR"]}
    urls = {kind: urllib.parse.urlsplit(address) for kind, address in near.items()}
    script = os.path.join(os.path.dirname(__file__), "relay.py")
    words = [os.environ["HP_PYTHON"], script, str(milliseconds), *(url.netloc for url in urls.values())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as relay:
        try:
            yield {kind: f"{url.scheme}://127.0.0.1:{int(relay.stdout.readline())}" for kind, url in urls.items()}
        finally:
            relay.terminate()


def settings(addresses, folder):
    """`config.toml` for the stores at these addresses, and the environment with a login for each."""
    ca = os.environ["HP_CA"]
    config = (
        f"[providers.vault]\naddress = '{addresses['vault']}'\nca_cert = '{ca}'\n"
        f"[providers.aws]\nendpoint = '{addresses['aws']}'\nregion = 'eu-west-1'\n"
        f"[providers.azure]\nca_cert = '{ca}'\nallow_custom_host = true\n"
        f"[providers.gcp]\nendpoint = '{addresses['gcp']}'\nca_cert = '{ca}'\n"
    )
    env = {
        "AWS_ACCESS_KEY_ID": os.environ["HP_AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY": os.environ["HP_AWS_SECRET_ACCESS_KEY"],
        "AZURE_VAULT_URL": addresses["azure"], "AZURE_AUTHORITY_HOST": addresses["azure"],
        **login_of_vault(), **login_of_azure(), **login_of_gcp(folder, addresses["gcp"]),
    }
    return config, env
