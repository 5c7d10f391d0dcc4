"""Google's own client at the questions of the tests. In: JSON lines of {"credentials": file, "ask": "projects/…/versions/…"}; without a
file the metadata server logs in. Out: JSON lines of {"data": base64, "version", "checksum"} or {"error": the exception's name}.
GCP_ENDPOINT says where, GCP_CA whom to trust."""
import base64, json, os, sys
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["GCP_CA"]
import google.auth
from google.auth import compute_engine, identity_pool
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import secretmanager_v1
from google.oauth2.credentials import Credentials
from requests.exceptions import ConnectionError

clients = {}


def credentials_in(file):
    with open(file) as opened: said = json.load(opened)
    if said["type"] == "service_account": return google.auth.load_credentials_from_file(file)[0]
    # Its loader would ask Google itself for the project.
    if said["type"] == "external_account": return identity_pool.Credentials.from_info(said, scopes=["https://www.googleapis.com/auth/cloud-platform"])
    # From a file of this type it takes everything but where the token is exchanged.
    parts = {name: said[name] for name in ("refresh_token", "token_uri", "client_id", "client_secret")}
    return Credentials(None, **parts)


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
