"""Drives the Python client of ORAS: oras-client.py COMMAND REGISTRY [ARGUMENTS]; a password comes on standard input.

ORAS_AUTH is the client's way to authenticate: basic or token. ORAS_TOKEN is a token that was asked for beforehand.
"""

import json
import os
import sys

import oras.client

command, registry, *arguments = sys.argv[1:]
client = oras.client.OrasClient(hostname=registry, insecure=True, auth_backend=os.environ.get("ORAS_AUTH", "token"))
if "ORAS_TOKEN" in os.environ:
    client.auth.set_token_auth(os.environ["ORAS_TOKEN"])

# Only push and pull read the login by themselves.
if arguments and arguments[0].startswith(f"{registry}/"):
    client.auth.load_configs(client.get_container(arguments[0]))

if command == "login":
    client.login(username=arguments[0], password=sys.stdin.readline().strip(), hostname=registry)
elif command == "push":
    target, annotations, chunk_size, *files = arguments
    response = client.push(
        target=target,
        files=files,
        manifest_annotations=json.loads(annotations),
        disable_path_validation=True,
        do_chunked=int(chunk_size) > 0,
        chunk_size=int(chunk_size),
        quiet=True,
    )
    print(response.headers["Docker-Content-Digest"])
elif command == "pull":
    target, folder = arguments
    client.pull(target=target, outdir=folder)
elif command == "tags":
    print(json.dumps(client.get_tags(arguments[0])))
elif command == "delete":
    target, tag = arguments
    print(client.delete_tags(target, [tag]))
elif command == "version":
    print(oras.__version__)
else:
    sys.exit(f"unknown command {command}")
