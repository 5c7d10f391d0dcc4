"""Google's own client at the questions of the tests. In: JSON lines of {"credentials": file, "ask": "projects/…/versions/…"}; without a
file the metadata server logs in. Out: JSON lines of {"data": base64, "version", "checksum"} or {"error": the exception's name}.
GCP_ENDPOINT says where, GCP_CA whom to trust."""
import base64, json, os, sys, time
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["GCP_CA"]
from google.auth import compute_engine, external_account_authorized_user, identity_pool, impersonated_credentials, pluggable
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import secretmanager_v1
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from requests.exceptions import ConnectionError

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
clients = {}
time.sleep = lambda _: None  # between its attempts: what they bring is compared, not how long they take


def credentials_of(said):
    """As its own loader makes them, which would ask Google itself: for the project, for a token, for another account."""
    kind = said["type"]
    if kind == "service_account": return service_account.Credentials.from_service_account_info(said)
    if kind == "external_account":
        return (pluggable if "executable" in said["credential_source"] else identity_pool).Credentials.from_info(said, scopes=SCOPES)
    if kind == "external_account_authorized_user": return external_account_authorized_user.Credentials.from_info(said)
    if kind == "impersonated_service_account":
        url = said["service_account_impersonation_url"]
        return impersonated_credentials.Credentials(
            credentials_of(said["source_credentials"]), target_principal=url.rsplit("/", 1)[1].partition(":")[0],
            target_scopes=SCOPES, delegates=said.get("delegates"), iam_endpoint_override=url)
    parts = {name: said.get(name) for name in ("refresh_token", "token_uri", "client_id", "client_secret", "quota_project_id")}
    return Credentials(None, **parts).with_quota_project_from_environment()


def credentials_in(file):
    with open(file) as opened: return credentials_of(json.load(opened))


def client(file):
    if file not in clients:
        credentials = credentials_in(file) if file else compute_engine.Credentials()
        clients[file] = secretmanager_v1.SecretManagerServiceClient(
            credentials=credentials, transport="rest", client_options={"api_endpoint": os.environ["GCP_ENDPOINT"]})
    return clients[file]


for line in sys.stdin:
    question = json.loads(line)
    try:
        read = client(question["credentials"]).access_secret_version(name=question["ask"], timeout=10)
        answer = {"data": base64.b64encode(read.payload.data).decode(), "version": read.name.rsplit("/", 1)[1], "checksum": read.payload.data_crc32c}
    except (exceptions.GoogleAPICallError, GoogleAuthError, ConnectionError) as error:
        answer = {"error": type(error).__name__}
    print(json.dumps(answer), flush=True)
