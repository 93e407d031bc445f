#!/usr/bin/env python3
"""Listens for webhooks here, verifies each, and prints what it tells; with a key it makes an endpoint and tries it out.

    PMS_KEY=pms_… ./receive_webhook.py http://localhost:8080 --public https://hooks.example.com/catalogue --port 8000

Needs nothing but Python. The service sends to --public, from where it has to come to --port here; an address on this machine
will do only where `webhooks.allowed_networks` opens it. The key needs the scope admin. The endpoint is deleted at the end,
which is Ctrl-C, or after --count events.
"""

import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

# A delivery that is older may be one that somebody has kept and sends again.
TOLERANCE = 300
# No delivery is longer than some hundred bytes.
LONGEST = 1 << 20


def is_ours(secret, headers, body):
    """Whether a delivery is signed as Standard Webhooks says. One secret of several may fit, while it is being rotated."""
    try:
        if abs(time.time() - int(headers["webhook-timestamp"])) > TOLERANCE:
            return False
    except (KeyError, TypeError, ValueError):
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    return any(hmac.compare_digest(expected, one.encode()) for one in (headers["webhook-signature"] or "").split())


class Receiver(http.server.BaseHTTPRequestHandler):
    secret = None
    seen = set()
    events = 0

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(min(length, LONGEST))
        if self.secret is None or not is_ours(self.secret, self.headers, body):
            self.send_error(401)
            return
        # Answer first: what takes longer than 15 seconds is sent again.
        self.send_response(204)
        self.end_headers()
        identifier = self.headers["webhook-id"]
        if identifier in self.seen:
            return
        self.seen.add(identifier)
        event = json.loads(body)
        print(f"{event['type']}  {json.dumps(event['data'])}", flush=True)
        Receiver.events += 1

    def log_message(self, *_):
        pass


def ask(base, method, path, body=None):
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    if key := os.environ.get("PMS_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base.rstrip('/')}/api/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        # Every error is a problem that says what was wrong and what would be right.
        sys.exit(error.read().decode())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("base", help="where the service is, such as http://localhost:8080")
    arguments.add_argument("--public", required=True, help="the address that the service sends to")
    arguments.add_argument("--port", type=int, default=8000, help="where to listen on this machine")
    arguments.add_argument("--events", nargs="+", default=["product.created", "product.updated", "product.deleted"])
    arguments.add_argument("--count", type=int, default=0, help="how many events to wait for; 0: without end")
    given = arguments.parse_args()

    server = http.server.ThreadingHTTPServer(("", given.port), Receiver)
    server.timeout = 0.2
    made = ask(given.base, "POST", "/webhook-endpoints", {"url": given.public, "events": given.events})
    # It is shown this once: keep it where you keep passwords.
    Receiver.secret = made["secret"]
    endpoint = f"/webhook-endpoints/{made['id']}"
    print(f"listening as {made['id']}", flush=True)
    try:
        ask(given.base, "POST", f"{endpoint}/ping")
        while not given.count or Receiver.events < given.count:
            server.handle_request()
    except KeyboardInterrupt:
        pass
    finally:
        ask(given.base, "DELETE", endpoint)
        server.server_close()


if __name__ == "__main__":
    main()
