#!/usr/bin/env bash
# Makes .bench/NAME, one virtual environment for each peer, from peers/requirements-NAME.txt.
# Usage: benchmarks/environments.sh [NAME…]. Run again it does nothing until a requirements file changes.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(llamaindex langchain txtai chroma markitdown libraries)

for name in "${names[@]}"; do
    requirements=benchmarks/peers/requirements-$name.txt
    [ -f "$requirements" ] || { echo "No such peer: $name ($requirements is missing)" >&2; exit 2; }
    environment=.bench/$name
    stamp=$environment/installed-$(sha256sum "$requirements" | cut -c1-16)
    [ -e "$stamp" ] && continue
    echo "Installing $environment" >&2
    [ -x "$environment/bin/python" ] || "$python" -m venv "$environment"
    # torch alone and first, so that no other package's resolution picks a build with CUDA
    if torch=$(grep '^torch==' "$requirements"); then "$environment/bin/python" -m pip install --quiet "$torch"; fi
    "$environment/bin/python" -m pip install --quiet --requirement "$requirements"
    rm -f "$environment"/installed-*
    touch "$stamp"
done
