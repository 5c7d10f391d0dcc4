"""The frame of every protocol double: one loopback server, TLS where asked, tokens it issued, and a control plane for tests.

A double stands in for a service that nobody can run here. It answers as the service does to the vendor's own client, which
`tests/it` holds against it too; it proves agreement with that client, not with the service.

The control plane lies on the same port, is never part of the real interface, and takes and gives plain JSON:

    GET  /_control/log      every request so far: method, path, status, who, and what a kind notes; never a value or a token
    POST /_control/fault    {"match": regex on the path, "status": 429 | 503 | 0, "headers": {}, "body": {} | "text", "delay": seconds,
                            "times": n}; status 0 drops the connection, none only delays
    POST /_control/expire   every token that was issued is invalid from now on
    POST /_control/reset    forgets log and faults
"""
import argparse, http.server, json, os, re, secrets, signal, ssl, sys, threading, time, urllib.parse


class Double:
    """What is the same in all of them. A kind gives `route(request)`, and may give `control(request, name, body)` for words of its own."""

    json_type = "application/json; charset=utf-8"

    def __init__(self, seed):
        self.seed, self.url = seed, None  # the address is known once the server listens
        self.log, self.faults, self.tokens = [], [], {}
        self.lock = threading.RLock()

    def issue(self, who, seconds=3600, prefix=""):
        token = prefix + secrets.token_urlsafe(24)
        self.tokens[token] = (who, time.time() + seconds)
        return token

    def who(self, request):
        """Whose bearer token the request carries; none if it is unknown or has expired."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        who, until = self.tokens.get(token, (None, 0))
        return who if scheme.lower() == "bearer" and until > time.time() else None

    def control(self, request, name, body):
        return None


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version, server_version, sys_version = "HTTP/1.1", "double", ""

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, headers=None, kind=None):
        """`body` is sent as it is when it is bytes or text, else as JSON."""
        if body is None: data = b""
        elif isinstance(body, bytes): data = body
        elif isinstance(body, str): data = body.encode()
        else: data = json.dumps(body).encode()
        self.status = status
        self.send_response(status)
        for name, value in (headers or {}).items(): self.send_header(name, value)
        if data and "Content-Type" not in (headers or {}): self.send_header("Content-Type", kind or self.server.double.json_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD": self.wfile.write(data)

    def take(self):
        double, self.status, self.noted = self.server.double, 0, {}
        parts = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.where = urllib.parse.unquote(parts.path)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else b""
        if self.where.startswith("/_control/"):
            return self.take_control(double, self.where.removeprefix("/_control/"))
        with double.lock:
            fault = next((one for one in double.faults if one["times"] > 0 and re.search(one["match"], self.path)), None)
            if fault: fault["times"] -= 1
        try:
            if fault and fault.get("delay"): time.sleep(fault["delay"])
            if fault and fault.get("status") == 0:
                self.close_connection = True
            elif fault and fault.get("status"):
                self.answer(fault["status"], fault.get("body"), fault.get("headers"))
            else:
                with double.lock: double.route(self)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True
        finally:
            double.log.append({"method": self.command, "path": self.path, "status": self.status, "who": double.who(self), **self.noted})

    def take_control(self, double, name):
        body, answer = json.loads(self.body or b"{}"), {}
        with double.lock:
            if name == "log": answer = double.log
            elif name == "fault": double.faults.append({"times": 1, **body})
            elif name == "expire": double.tokens.clear()
            elif name == "reset": double.log.clear(); double.faults.clear()
            else: answer = double.control(self, name, body)
        self.answer(404 if answer is None else 200, answer if answer is not None else {"error": f"no control word {name}"})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = take


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

    def __init__(self, double, tls):
        super().__init__(("127.0.0.1", 0), Request)
        self.double, self.tls = double, tls

    def finish_request(self, connection, address):
        if self.tls:  # the handshake is each connection's own: a silent client holds up nobody
            connection.settimeout(30)
            connection = self.tls.wrap_socket(connection, server_side=True)
        super().finish_request(connection, address)

    def handle_error(self, *_):
        if not isinstance(sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(*_)


def serve(make, kind):
    """Runs `make(seed)` as `KIND.py --seed FILE --state FOLDER [--tls FOLDER] [--client-ca FILE]`; FOLDER/KIND.json says where it listens."""
    options = argparse.ArgumentParser()
    options.add_argument("--seed", required=True)
    options.add_argument("--state", required=True)
    options.add_argument("--tls", help="folder with server.pem and server.key")
    options.add_argument("--client-ca", help="client certificates of this CA are asked for, not demanded")
    given = options.parse_args()
    with open(given.seed) as file: double = make(json.load(file))
    context = None
    if given.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{given.tls}/server.pem", f"{given.tls}/server.key")
        if given.client_ca:
            context.load_verify_locations(given.client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    server = Server(double, context)
    double.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, lambda *_: os._exit(0))
    said = f"{given.state}/{kind}.json"
    with open(said + ".new", "w") as file: json.dump({"url": double.url, "pid": os.getpid()}, file)
    os.rename(said + ".new", said)
    server.serve_forever()
