#!/bin/bash
# Install the Debian packages that building and testing need; nothing happens
# when all are there. Root, or sudo, is only asked for when one is missing.
# Arguments are further packages; PACKAGES replaces the list.
set -eu
cd "$(dirname "$0")/.."

major=${PG_MAJOR:-15}
packages=${PACKAGES:-"gcc make clang clang-format-14 libclang-rt-14-dev
	postgresql-$major postgresql-server-dev-$major
	libcurl4-openssl-dev libjansson-dev libssl-dev
	libipc-run-perl perl python3 postgresql-$major-cron $*"}

missing=
for p in $packages; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $p"
done
[ -z "$missing" ] && exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
{
	$sudo apt-get -q update &&
		$sudo apt-get -q install -y --no-install-recommends $missing
} >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
