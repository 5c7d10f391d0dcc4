"""Calls AWS' own Python client: what the tests seed through it, and what it answers for the same login.

Takes one JSON object on standard input, so that no key stands in an argument list:

    {"endpoint": URL, "region": NAME, "key_id": ID, "secret_key": KEY, "token": TOKEN, "profile": NAME,
     "calls": [{"service": "secretsmanager", "call": "create_secret", "arguments": {}}]}

Without keys, boto3 looks for a login by itself. Prints a JSON list: the answer of each call, or {"error": CODE, "message": TEXT}.
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


asked = json.load(sys.stdin)
session = boto3.Session(asked.get("key_id"), asked.get("secret_key"), asked.get("token"), asked.get("region"), profile_name=asked.get("profile"))
clients, answers = {}, []
for call in asked["calls"]:
    try:
        service = call["service"]
        if service not in clients:
            clients[service] = session.client(service, endpoint_url=asked.get("endpoint"), config=Config(retries={"max_attempts": 0}))
        answer = getattr(clients[service], call["call"])(**opened(call.get("arguments", {})))
        answer.pop("ResponseMetadata", None)
        answers.append(answer)
    except ClientError as error:
        answers.append({"error": error.response["Error"].get("Code"), "message": error.response["Error"].get("Message")})
    except BotoCoreError as error:
        answers.append({"error": type(error).__name__, "message": str(error)})
print(json.dumps(answers, default=closed))
