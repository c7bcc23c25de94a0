#!/usr/bin/env bash
# One image, from the first question to its end, each step as one types it. Deletes $NAME:$TAG.
#   REGISTRY=http://127.0.0.1:5000 LOGIN=admin:password NAME=nginx TAG=latest ./by-hand.sh
set -euo pipefail

REGISTRY=${REGISTRY:-http://127.0.0.1:5000}
LOGIN=${LOGIN:-}
NAME=${NAME:-nginx}
TAG=${TAG:-latest}

# Is this a registry? 200 says yes; 401 says yes, and that it wants to know who you are.
curl -s -o /dev/null -w 'GET /v2/: %{http_code}\n' "$REGISTRY/v2/"

# Ask for what you want and read what the registry answers: an open one has no challenge.
CHALLENGE=$(curl -s -i "$REGISTRY/v2/$NAME/manifests/$TAG" 2>&1 | grep -a -i '^www-authenticate:' || true)
AUTH=()
if [ -n "$CHALLENGE" ]; then
  # The challenge has three values. They go into the address of the token as they are.
  REALM=$(echo "$CHALLENGE" | grep -o 'realm="[^"]*"' | cut -d '"' -f 2)
  SERVICE=$(echo "$CHALLENGE" | grep -o 'service="[^"]*"' | cut -d '"' -f 2)
  SCOPE=$(echo "$CHALLENGE" | grep -o 'scope="[^"]*"' | cut -d '"' -f 2)
  TOKEN=$(curl -s ${LOGIN:+-u "$LOGIN"} "$REALM?service=$SERVICE&scope=$SCOPE" | jq -r .token)
  AUTH=(-H "Authorization: Bearer $TOKEN")
  echo "token for $SCOPE"
fi

# The tags, and the digest that one of them names: from the headers of a HEAD, and from those of a GET.
curl -s "${AUTH[@]}" "$REGISTRY/v2/$NAME/tags/list" | jq -r '"tags: " + (.tags | join(" "))'
ACCEPT='application/vnd.docker.distribution.manifest.v2+json'
DIGEST=$(curl -s -I "${AUTH[@]}" -H "Accept: $ACCEPT" "$REGISTRY/v2/$NAME/manifests/$TAG" \
  | grep -i '^docker-content-digest:' | cut -d ' ' -f 2 | tr -d '\r')
AGAIN=$(curl -s -D - "${AUTH[@]}" -H "Accept: $ACCEPT" "$REGISTRY/v2/$NAME/manifests/$TAG" \
  | grep -a -i '^docker-content-digest:' | awk '{print $2}' | tr -d '\r')
echo "digest by HEAD: $DIGEST"
echo "digest by GET: $AGAIN"

# To delete is another right, so it needs another token; the digest names what goes.
if [ -n "$CHALLENGE" ]; then
  TOKEN=$(curl -s ${LOGIN:+-u "$LOGIN"} "$REALM?service=$SERVICE&scope=repository:$NAME:delete" | jq -r .token)
  AUTH=(-H "Authorization: Bearer $TOKEN")
fi
curl -s -o /dev/null -w 'DELETE: %{http_code}\n' -X DELETE "${AUTH[@]}" "$REGISTRY/v2/$NAME/manifests/$DIGEST"

# Every tag of that digest is gone with it.
if [ -n "$CHALLENGE" ]; then
  TOKEN=$(curl -s ${LOGIN:+-u "$LOGIN"} "$REALM?service=$SERVICE&scope=$SCOPE" | jq -r .token)
  AUTH=(-H "Authorization: Bearer $TOKEN")
fi
curl -s -o /dev/null -w 'GET of the tag: %{http_code}\n' "${AUTH[@]}" "$REGISTRY/v2/$NAME/manifests/$TAG"
