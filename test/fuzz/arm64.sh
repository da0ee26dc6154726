#!/bin/bash
# Run the property test of the distance kernels (fuzz_distance.c) as an arm64
# program under qemu, on a machine of another kind. Needs the packages
# gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static.
set -eu
cd "$(dirname "$0")/../.."
for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 0; }
done
mkdir -p build
aarch64-linux-gnu-gcc -static -std=gnu11 -O3 -Wall -Wextra -Werror -Isrc \
	test/fuzz/fuzz_distance.c test/fuzz/replay.c src/vector/distance*.c -lm -o build/distance_arm64
qemu-aarch64-static build/distance_arm64 test/fuzz/corpus/distance/* >/dev/null
echo "ok - the kernels agree on arm64"
