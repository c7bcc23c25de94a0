#!/usr/bin/env python3
"""What a registry has, with requests.

registry.py repositories | tags NAME | digest NAME TAG | delete NAME TAG
REGISTRY is its address (http://127.0.0.1:5000), LOGIN is user:password where it asks for one, PAGE the entries of a page.
"""

import os
import re
import sys
from urllib.parse import urljoin

import requests

REGISTRY = os.environ.get("REGISTRY", "http://127.0.0.1:5000")
LOGIN = os.environ.get("LOGIN", "")
PAGE = os.environ.get("PAGE", "100")
MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
)

session = requests.Session()


def ask(method, path, **options):
    """One request; where the answer is 401, again with the token that the challenge describes."""
    response = session.request(method, urljoin(REGISTRY, path), **options)
    if response.status_code == 401:
        challenge = dict(re.findall(r'(\w+)="([^"]*)"', response.headers["WWW-Authenticate"]))
        url = f"{challenge['realm']}?service={challenge['service']}&scope={challenge['scope']}"
        token = requests.get(url, auth=tuple(LOGIN.split(":", 1)) if LOGIN else None)
        token.raise_for_status()
        session.headers["Authorization"] = f"Bearer {token.json()['token']}"
        response = session.request(method, urljoin(REGISTRY, path), **options)
    response.raise_for_status()
    return response


def entries(path, key):
    """What is on every page of a list: the Link of an answer leads to the next one."""
    while path:
        response = ask("GET", path)
        yield from response.json()[key]
        path = response.links.get("next", {}).get("url")


def digest(name, tag):
    """The digest of a tag, by HEAD."""
    response = ask("HEAD", f"/v2/{name}/manifests/{tag}", headers={"Accept": MANIFESTS})
    return response.headers["Docker-Content-Digest"]


def delete(name, tag):
    """Deletes what a tag names, and with it every tag of the same digest."""
    gone = digest(name, tag)
    ask("DELETE", f"/v2/{name}/manifests/{gone}")
    return gone


def main(command="", *names):
    if command == "repositories":
        print(*entries(f"/v2/_catalog?n={PAGE}", "repositories"), sep="\n")
    elif command == "tags":
        print(*entries(f"/v2/{names[0]}/tags/list?n={PAGE}", "tags"), sep="\n")
    elif command == "digest":
        print(digest(*names))
    elif command == "delete":
        print(delete(*names))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
