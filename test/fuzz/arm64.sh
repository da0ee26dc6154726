#!/bin/bash
# Run the property tests of the kernels of distances and of the index
# (fuzz_distance.c, fuzz_ann_kernels.c) as arm64 programs under qemu, on a
# machine of another kind. Needs the packages gcc-aarch64-linux-gnu,
# libc6-dev-arm64-cross and qemu-user-static.
set -eu
cd "$(dirname "$0")/../.."
for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done
mkdir -p build
aarch64-linux-gnu-gcc -static -std=gnu11 -O3 -Wall -Wextra -Werror -Isrc \
	test/fuzz/fuzz_distance.c test/fuzz/replay.c src/vector/distance*.c -lm -o build/distance_arm64
qemu-aarch64-static build/distance_arm64 test/fuzz/corpus/distance/* >/dev/null
aarch64-linux-gnu-gcc -static -std=gnu11 -O3 -ffp-contract=off -Wall -Wextra -Werror -Isrc \
	test/fuzz/fuzz_ann_kernels.c test/fuzz/replay.c src/ann/ann_kernels*.c -lm -o build/ann_kernels_arm64
qemu-aarch64-static build/ann_kernels_arm64 test/fuzz/corpus/ann_kernels/* >/dev/null
echo "ok - the kernels agree on arm64"
