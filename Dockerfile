# Two images of the course (docs/jupyterhub.md says how they are used):
#
#   docker build --target student -t crossmodal-student .
#   docker build --target instructor -t crossmodal-instructor .   # the students' copy of the tree has no grader
#
# They hold PyTorch's CPU build; --build-arg TORCH_INDEX= takes the one of the usual index, on Linux CUDA's, about 6 GB.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# Debian drops a version when it mends it: one that is pinned cannot be installed for long.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*
# jovyan, 1000: whom JupyterHub's spawners expect, by number where root is forbidden
RUN useradd --create-home --uid 1000 --shell /bin/bash jovyan \
    && install -d -o jovyan -g jovyan /opt/venv /srv/crossmodal
ENV VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH \
    UV_NO_CACHE=1 \
    PIP_NO_CACHE_DIR=1 \
    HF_HUB_DISABLE_TELEMETRY=1
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /srv/crossmodal
EXPOSE 8888

FROM base AS student
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
USER 1000
RUN python3 -m venv --clear /opt/venv \
    && /opt/venv/bin/python -m pip install --quiet "uv>=0.8,<1"
# What students need and no more, in the versions that the tests run with.
COPY --chown=jovyan:jovyan pyproject.toml requirements.lock ./
RUN if [ -n "$TORCH_INDEX" ]; then \
      grep -E '^(torch|torchvision)==' requirements.lock | sed 's/ *;.*//' > /tmp/torch.txt \
      && uv pip install --quiet --index-url "$TORCH_INDEX" -r /tmp/torch.txt \
      && grep -vE '^(torch|torchvision|triton|cuda-|nvidia-)' requirements.lock > /tmp/versions.txt; \
    else \
      cp requirements.lock /tmp/versions.txt; \
    fi \
    && uv pip install --quiet -c /tmp/versions.txt -r pyproject.toml --extra lab --extra app
# Installed, not linked: a hub puts a volume over the home folder.
COPY --chown=jovyan:jovyan setup.py MANIFEST.in README.md LICENSE ./
COPY --chown=jovyan:jovyan datasets datasets
COPY --chown=jovyan:jovyan weeks weeks
RUN uv pip install --quiet --no-deps . \
    && python -m coursekit.versions \
    && cp -r weeks /home/jovyan/weeks
WORKDIR /home/jovyan
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--notebook-dir=/home/jovyan"]

FROM base AS instructor
# what sandboxes are made with
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap libseccomp2 \
    && rm -rf /var/lib/apt/lists/*
USER 1000
COPY --chown=jovyan:jovyan . .
RUN make env VENV=/opt/venv TORCH_INDEX="$TORCH_INDEX" \
    && grader --help > /dev/null
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--notebook-dir=/srv/crossmodal"]
