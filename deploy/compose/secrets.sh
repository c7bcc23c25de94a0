#!/bin/sh
# Writes the file .env with secrets, for Berth on this host. What is there stays: without BERTH_SECRET_KEY the database of
# an installation is of no use.
set -eu
cd "$(dirname "$0")"
if [ -e .env ]; then
  echo "$(pwd)/.env is there and stays as it is" >&2
  exit 0
fi
random() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"; }
umask 077
cat >.env.new <<E
BERTH_SECRET_KEY=$(random 48)
BERTH_ADMIN_PASSWORD=$(random 24)
POSTGRES_PASSWORD=$(random 32)
MINIO_PASSWORD=$(random 32)
E
mv .env.new .env
echo "wrote $(pwd)/.env: keep a copy of it in a safe place; the password of admin is in it" >&2
