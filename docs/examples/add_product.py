#!/usr/bin/env python3
"""Creates a product with a picture, waits until the picture is ready, and downloads its variants.

    PMS_KEY=pms_… ./add_product.py http://localhost:8080 https://example.com/mug.jpg --name "Enamel mug" --price 19.90

Needs nothing but Python. PMS_KEY may be left out where the service asks for no key.
"""

import argparse
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.request
import uuid

ENDED = ("ready", "partial", "failed")


class Catalogue:
    def __init__(self, base, key):
        self.base = base.rstrip("/")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def open(self, method, path, body=None, headers=None, timeout=30):
        data = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        headers = {**self.headers, **kind, **(headers or {})}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        return urllib.request.urlopen(request, timeout=timeout)

    def ask(self, method, path, body=None, headers=None):
        """The body of the answer. What is busy or away is asked again: 429 and 503 say when."""
        for attempt in range(6):
            try:
                with self.open(method, path, body, headers) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503) or attempt == 5:
                    raise
                time.sleep(int(error.headers.get("Retry-After", 1)) + attempt)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                # The answer is lost, and the request perhaps not: the key below makes it harmless to repeat.
                if attempt == 5:
                    raise
                time.sleep(2**attempt / 4)

    def create(self, product):
        return self.ask("POST", "/api/v1/products", product, {"Idempotency-Key": str(uuid.uuid4())})

    def product(self, identifier):
        return self.ask("GET", f"/api/v1/products/{identifier}")

    def wait_for_pictures(self, identifier, seconds):
        """The product, once every picture has ended: listens where there is a stream of events, else looks again."""
        deadline = time.monotonic() + seconds
        try:
            return self.listen(identifier, deadline)
        except (OSError, ValueError):
            return self.poll(identifier, deadline)

    def listen(self, identifier, deadline):
        accept = {"Accept": "text/event-stream"}
        # A heartbeat comes every 15 seconds, so that a silence of 40 is a lost connection.
        with self.open("GET", f"/api/v1/products/{identifier}/events", headers=accept, timeout=40) as stream:
            # What happened before the stream was open is in the product already.
            product = self.product(identifier)
            for line in stream:
                if product["images_status"] in ENDED:
                    return product
                if time.monotonic() > deadline:
                    raise SystemExit("The pictures are not ready in time.")
                if line.startswith(b"event:"):
                    product = self.product(identifier)
        raise ConnectionError("the stream has ended")

    def poll(self, identifier, deadline):
        pause = 0.2
        while time.monotonic() < deadline:
            product = self.product(identifier)
            if product["images_status"] in ENDED:
                return product
            time.sleep(pause)
            pause = min(pause * 1.5, 5)
        raise SystemExit("The pictures are not ready in time.")


def download(variant, folder):
    path = folder / f"{variant['name']}.{variant['format']}"
    with urllib.request.urlopen(variant["url"], timeout=30) as answer:
        path.write_bytes(answer.read())
    if path.stat().st_size != variant["bytes"]:
        raise SystemExit(f"{variant['url']} is incomplete")
    return path


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("base", help="where the service is, such as http://localhost:8080")
    arguments.add_argument("picture", help="the address of a picture")
    arguments.add_argument("--name", default="Enamel mug")
    arguments.add_argument("--price", default="19.90")
    arguments.add_argument("--currency", default="EUR")
    arguments.add_argument("--to", type=pathlib.Path, default=pathlib.Path("."), help="the folder for the variants")
    arguments.add_argument("--seconds", type=float, default=120, help="how long to wait for the picture")
    given = arguments.parse_args()

    catalogue = Catalogue(given.base, os.environ.get("PMS_KEY"))
    try:
        product = catalogue.create(
            {
                "name": given.name,
                "price": {"amount": given.price, "currency": given.currency},
                "images": [{"source_url": given.picture}],
            }
        )
        print(f"created {product['id']}")
        product = catalogue.wait_for_pictures(product["id"], given.seconds)
    except urllib.error.HTTPError as error:
        # Every error is a problem that says what was wrong and what would be right.
        sys.exit(error.read().decode())

    picture = product["images"][0]
    if picture["error"]:
        sys.exit(f"{picture['error']['code']}: {picture['error']['detail']}")
    given.to.mkdir(parents=True, exist_ok=True)
    for variant in picture["variants"]:
        path = download(variant, given.to)
        print(f"{variant['width']}x{variant['height']}  {variant['bytes']:>8} bytes  {path}")


if __name__ == "__main__":
    main()
