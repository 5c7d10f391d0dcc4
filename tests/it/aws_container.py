"""A container of ECS as its programs see it: the endpoint of its credentials at the address that never changes, in a network namespace of
its own (`unshare -rn`), with Secrets Manager beside it. Runs the command of the arguments there, then AWS' own client, and prints
{"code": of the command, "theirs": what AWS' client read, "signers": [the access key of each request]}.
"""
import fcntl, http.server, json, os, socket, struct, subprocess, sys, threading

ENDPOINT, KEY = "169.254.170.2", "ASIAOWN"
# linux/sockios.h
SIOCSIFFLAGS, SIOCSIFADDR = 0x8914, 0x8916
IFF_UP = 1
signers = []


class Answers(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/v2/credentials/it": return self.answer(404, {})
        self.answer(200, {"AccessKeyId": KEY, "SecretAccessKey": "canary-own-key", "Token": "canary-own-token", "Expiration": "2099-01-01T00:00:00Z"})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        signers.append(self.headers["Authorization"].split("Credential=")[1].split("/")[0])
        if self.headers["X-Amz-Security-Token"] != "canary-own-token": return self.answer(400, {"__type": "UnrecognizedClientException"})
        self.answer(200, {"Name": "db", "SecretString": "the-value", "VersionId": "v"})


def serve(address):
    server = http.server.ThreadingHTTPServer(address, Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, socket.inet_aton(ENDPOINT)))
serve((ENDPOINT, 80))
os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{serve(('127.0.0.1', 0))}"
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode

import boto3
theirs = boto3.client("secretsmanager", region_name="eu-west-1").get_secret_value(SecretId="db")["SecretString"]
print(json.dumps({"code": code, "theirs": theirs, "signers": signers}))
