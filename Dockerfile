# The app on port 8501; answers, features and weights are kept in the volume /cache.
#   docker build -t simcore .
#   docker run -p 8501:8501 -v simcore:/cache simcore
# With a GPU (the CUDA wheels of torch bring their own libraries):
#   docker build --build-arg TORCH_INDEX= -t simcore:cuda . && docker run --gpus all ...
ARG BASE=python:3.12-slim
FROM ${BASE}

# The CPU build of torch is 0.2 GB instead of several; an empty value takes the default build.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

RUN useradd --create-home --uid 1000 simcore \
    && mkdir /cache \
    && chown simcore /cache
WORKDIR /app
# Not pinned: pyproject.toml has the bounds.
# hadolint ignore=DL3013
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision
COPY . .
# hadolint ignore=DL3013
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install ".[postgres]"

USER 1000
ENV SIMCORE_CACHE=/cache
VOLUME /cache
EXPOSE 8501
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8501/health')"]
CMD ["simcore", "app", "--host", "0.0.0.0", "--port", "8501"]
