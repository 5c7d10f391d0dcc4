"""The tokens that AWS' own Python client makes for databases, at a time that is given.

Takes a JSON list on standard input, so that no key stands in an argument list:

    [{"at": "20261122T102030Z", "key_id": ID, "secret_key": KEY, "token": TOKEN or null, "region": NAME, "host": NAME, "port": 5432, "user": NAME}]

Prints the tokens as a JSON list.
"""
import datetime, json, sys
import botocore.auth, botocore.session


def token(asked):
    at = datetime.datetime.strptime(asked["at"], "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda *_, **__: at
    session = botocore.session.Session()
    session.set_credentials(asked["key_id"], asked["secret_key"], asked["token"])
    client = session.create_client("rds", region_name=asked["region"])
    made = client.generate_db_auth_token(asked["host"], asked["port"], asked["user"])
    assert asked["at"] in made, "this client takes the time from elsewhere"
    return made


print(json.dumps([token(asked) for asked in json.load(sys.stdin)]))
