#!/bin/bash
# Run intel beside Debian's pgvector in one server.
#
#   test/pgvector/run.sh surface          pgvector's catalog entries against intel's
#   test/pgvector/run.sh bench            exact search and kernels, both extensions
#   test/pgvector/run.sh tap [NAME ...]   TAP tests, those of both extensions included
#   test/pgvector/run.sh psql             a shell on such a server
#
# SUITE (trixie) and MAJOR (17) choose the Debian suite; sid has 18. Root only.
# Everything is built and run in a throw-away layer over the suite's folder
# (test/matrix/folder.sh), so the folder itself is never changed.
set -u
cd "$(dirname "$0")/../.." || exit 1
mode=${1:?mode}
shift
suite=${SUITE:-trixie}
major=${MAJOR:-17}
folder=${INTEL_MATRIX_CACHE:-/var/cache/intel-matrix}/$suite

reason=$(test/matrix/folder.sh "$suite" "$major")
case $? in
	0) ;;
	75) echo "skipped: $reason"; exit 0 ;;
	*) echo "$reason" >&2; exit 1 ;;
esac

work=$(mktemp -d "${TMPDIR:-/var/tmp}/intel-pgvector.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
mkdir "$work/upper" "$work/layer" "$work/root"

# the sources without what was built from them
mkdir -p "$work/upper/srv/beside"
git ls-files -z --cached --others --exclude-standard |
	xargs -0 cp --parents -t "$work/upper/srv/beside" 2>/dev/null

# shellcheck disable=SC2016
unshare --mount --pid --fork --propagation private -- bash -c '
	mount -t overlay overlay \
		-o "lowerdir=$1,upperdir=$2/upper,workdir=$2/layer" "$2/root" &&
	mount -t proc proc "$2/root/proc" && mount --rbind /dev "$2/root/dev" || exit 1
	root=$2/root
	shift 2
	exec chroot "$root" /srv/beside/test/pgvector/inside.sh "$@"
' bash "$folder" "$work" "$mode" "$major" "$@"
