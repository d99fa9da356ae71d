#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the autograder's image: an environment with the versions that the
# course's own tests run with (requirements.lock), and PyTorch's CPU build, which is a tenth of the other.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends bubblewrap libseccomp2 ca-certificates curl python3-pip

COURSE=/autograder/source/course
export UV_PYTHON_INSTALL_DIR=/opt/python VIRTUAL_ENV=/opt/course
# the pin keeps a rebuild next term from meeting another uv; newer systems want to be told that pip may install it
pip3 install --quiet "uv>=0.8,<1" || pip3 install --quiet --break-system-packages "uv>=0.8,<1"
uv venv --quiet --python 3.12 "$VIRTUAL_ENV"
uv pip install --quiet --index-url https://download.pytorch.org/whl/cpu \
  $(grep -E '^(torch|torchvision)==' "$COURSE/requirements.lock" | sed 's/ *;.*//')
grep -vE '^(torch|torchvision|triton|cuda-|nvidia-)' "$COURSE/requirements.lock" | uv pip install --quiet -r -
uv pip install --quiet --no-deps -e "$COURSE"
"$VIRTUAL_ENV/bin/jupyter" kernelspec install --sys-prefix --log-level=ERROR "$COURSE/grader/execution/kernels/crossmodal-warm"
chmod -R go-rwx /autograder/source
"$VIRTUAL_ENV/bin/python" -c 'from grader.execution.sandbox import unavailable; print("sandbox:", unavailable() or "ready")'
