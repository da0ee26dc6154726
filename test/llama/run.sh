#!/bin/bash
# A real llama.cpp server through intel: t/220_llama.pl in the matrix folder of
# Debian sid, with Debian's packages of llama.cpp. Where they cannot be had, it
# is skipped with the reason.
set -u
cd "$(dirname "$0")/../.." || exit 1
export INTEL_MATRIX=sid:18 INTEL_MATRIX_PACKAGES="llama.cpp python3-gguf" MATRIX_TESTS="tap t/220_llama.pl"
exec test/matrix/run.sh
