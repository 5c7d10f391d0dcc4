"""Google's own client at the questions of the tests: JSON lines of {"credentials": file, "ask": "projects/…/versions/…"} in, JSON
lines of {"data": base64, "version", "checksum"} or {"error": the exception's name} out. GCP_ENDPOINT says where, GCP_CA whom to trust."""
import base64, json, os, sys
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["GCP_CA"]
import google.auth
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import secretmanager_v1

clients = {}


def client(file):
    if file not in clients:
        credentials, _ = google.auth.load_credentials_from_file(file, scopes=None)
        clients[file] = secretmanager_v1.SecretManagerServiceClient(
            credentials=credentials, transport="rest", client_options={"api_endpoint": os.environ["GCP_ENDPOINT"]})
    return clients[file]


for line in sys.stdin:
    question = json.loads(line)
    try:
        read = client(question["credentials"]).access_secret_version(name=question["ask"], timeout=10)
        answer = {"data": base64.b64encode(read.payload.data).decode(), "version": read.name.rsplit("/", 1)[1], "checksum": read.payload.data_crc32c}
    except (exceptions.GoogleAPICallError, GoogleAuthError) as error:
        answer = {"error": type(error).__name__}
    print(json.dumps(answer), flush=True)
