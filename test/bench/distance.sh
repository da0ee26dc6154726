#!/bin/bash
# Build and run the benchmark of the distance kernels (bench_distance.c).
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build
${CC:-gcc} -std=gnu99 -O3 -Isrc test/bench/bench_distance.c src/vector/distance*.c -lm -o build/bench_distance
build/bench_distance
