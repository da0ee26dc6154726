#!/bin/bash
# Index search beside pgvector's HNSW on real vectors, in one server (root
# only): speed at equal recall, build, size, tenants, inserts, two clients.
#
# ANN_DATA names a folder with the files that ann_data.py writes; SUITE and
# MAJOR choose the server as in test/pgvector/run.sh. ANN_CLUSTER names a
# folder that keeps the server's data between runs, so that pgvector's side is
# built once. ANN_KINDS ("sift text") picks.
set -u
cd "$(dirname "$0")/../.." || exit 1
suite=${SUITE:-trixie}
major=${MAJOR:-17}
data=${ANN_DATA:-/var/tmp/ann-data}
folder=${INTEL_MATRIX_CACHE:-/var/cache/intel-matrix}/$suite

[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 0; }
[ -f "$data/sift.bin" ] || [ -f "$data/text.bin" ] ||
	{ echo "skipped: ANN_DATA names no folder with vectors (test/bench/ann_data.py makes them)"; exit 0; }
reason=$(test/matrix/folder.sh "$suite" "$major")
case $? in
	0) ;;
	75) echo "skipped: $reason"; exit 0 ;;
	*) echo "$reason" >&2; exit 1 ;;
esac

work=$(mktemp -d "${TMPDIR:-/var/tmp}/intel-ann.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
cluster=${ANN_CLUSTER:-$work/cluster}
mkdir -p "$cluster" "$work/layer" "$work/root" "$work/upper/srv/ann/src" \
	"$work/upper/srv/ann/vectors" "$work/upper/srv/ann/cluster"
git ls-files -z --cached --others --exclude-standard |
	xargs -0 cp --parents -t "$work/upper/srv/ann/src" 2>/dev/null

# shellcheck disable=SC2016
unshare --mount --pid --fork --propagation private -- bash -c '
	root=$2/root
	mount -t overlay overlay \
		-o "lowerdir=$1,upperdir=$2/upper,workdir=$2/layer" "$root" &&
	mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
	mount --bind "$3" "$root/srv/ann/vectors" &&
	mount --bind "$5" "$root/srv/ann/cluster" || exit 1
	exec chroot "$root" /usr/bin/env ANN_KINDS="$6" /srv/ann/src/test/bench/ann_inside "$4"
' bash "$folder" "$work" "$(realpath "$data")" "$major" "$(realpath "$cluster")" "${ANN_KINDS:-sift text}"
