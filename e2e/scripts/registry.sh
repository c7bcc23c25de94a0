#!/usr/bin/env bash
# What a registry has, with curl and jq.
#   registry.sh repositories | tags NAME | digest NAME TAG | delete NAME TAG
# REGISTRY is its address (http://127.0.0.1:5000), LOGIN is user:password where it asks for one, PAGE the entries of a page.
set -euo pipefail

REGISTRY=${REGISTRY:-http://127.0.0.1:5000}
LOGIN=${LOGIN:-}
PAGE=${PAGE:-100}
TOKEN=
MANIFESTS='application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json'
MANIFESTS="$MANIFESTS, application/vnd.docker.distribution.manifest.v2+json"
MANIFESTS="$MANIFESTS, application/vnd.docker.distribution.manifest.list.v2+json"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# Asks once, with curl's arguments: the headers and the body are files then, the status is in STATUS.
ask_once() {
  STATUS=$(curl -s -D "$WORK/headers" -o "$WORK/body" -w '%{http_code}' ${TOKEN:+-H "Authorization: Bearer $TOKEN"} "$@")
}

# Asks; where the answer is 401, gets the token that the challenge describes and asks again.
ask() {
  ask_once "$@"
  if [ "$STATUS" = 401 ]; then
    TOKEN=$(curl -s ${LOGIN:+-u "$LOGIN"} "$(field realm)?service=$(field service)&scope=$(field scope)" | jq -r '.token // empty')
    ask_once "$@"
  fi
  if [ "$STATUS" -ge 400 ]; then
    echo "$STATUS: $*" >&2
    exit 1
  fi
}

# A header of the answer, and a field of the challenge in it.
header() {
  grep -i "^$1:" "$WORK/headers" | cut -d ' ' -f 2- | tr -d '\r'
}
field() {
  header www-authenticate | grep -o "$1=\"[^\"]*\"" | cut -d '"' -f 2
}

# Every page of a list: the Link of an answer leads to the next one.
pages() {
  local path=$1 entries=$2
  while [ -n "$path" ]; do
    ask "$REGISTRY$path"
    jq -r "$entries" "$WORK/body"
    path=$(header link | grep -o '<[^>]*>' | tr -d '<>' || true)
    path=${path#"$REGISTRY"}
  done
}

# The digest of a tag, by HEAD.
digest() {
  ask -I -H "Accept: $MANIFESTS" "$REGISTRY/v2/$1/manifests/$2"
  header docker-content-digest
}

case ${1:-} in
  repositories) pages "/v2/_catalog?n=$PAGE" '.repositories[]' ;;
  tags) pages "/v2/$2/tags/list?n=$PAGE" '.tags[]' ;;
  digest) digest "$2" "$3" ;;
  delete)
    DIGEST=$(digest "$2" "$3")
    ask -X DELETE "$REGISTRY/v2/$2/manifests/$DIGEST"
    echo "$DIGEST"
    ;;
  *)
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
    ;;
esac
