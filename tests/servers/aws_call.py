"""Calls AWS' own Python client: what the tests seed through it, and what it answers for the same login.

Takes JSON objects on standard input, one a line, so that no key stands in an argument list:

    {"endpoint": URL, "region": NAME, "key_id": ID, "secret_key": KEY, "token": TOKEN, "profile": NAME,
     "calls": [{"service": "secretsmanager", "call": "create_secret", "arguments": {}}]}

Without keys, boto3 looks for a login by itself. Prints a JSON list a line: the answer of each call, or {"error": CODE, "message": TEXT}.
A text "base64:…" in arguments becomes bytes; bytes in answers become such a text.
"""
import base64, json, sys
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


def opened(value):
    if isinstance(value, dict): return {name: opened(part) for name, part in value.items()}
    if isinstance(value, list): return [opened(part) for part in value]
    if isinstance(value, str) and value.startswith("base64:"): return base64.b64decode(value[7:])
    return value


def closed(value):
    return "base64:" + base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


clients = {}


def client(asked, service):
    """Making one takes longer than all its calls."""
    login = tuple(asked.get(part) for part in ("key_id", "secret_key", "token", "region", "profile", "endpoint"))
    if (login, service) not in clients:
        *keys, profile, endpoint = login
        made = boto3.Session(*keys, profile_name=profile).client(service, endpoint_url=endpoint, config=Config(retries={"max_attempts": 0}))
        clients[login, service] = made
    return clients[login, service]


def answer(asked, call):
    try:
        answer = getattr(client(asked, call["service"]), call["call"])(**opened(call.get("arguments", {})))
        answer.pop("ResponseMetadata", None)
        return answer
    except ClientError as error:
        return {"error": error.response["Error"].get("Code"), "message": error.response["Error"].get("Message")}
    except BotoCoreError as error:
        return {"error": type(error).__name__, "message": str(error)}


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps([answer(asked, call) for call in asked["calls"]], default=closed), flush=True)
