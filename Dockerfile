# reelseek as a service: the page and the HTTP API on port 7860, the library in /library, videos in /videos.
#
#   docker build -t reelseek .
#   docker run --rm reelseek account ann >> accounts
#   docker compose up        # see compose.yaml

FROM python:3.12-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/reelseek
ENV PATH=/opt/reelseek/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Where there is no GPU, the index of PyTorch's CPU wheels makes the image a fraction of the size:
# docker build --build-arg TORCH_INDEX=URL
ARG TORCH=2.13.0
ARG TORCH_INDEX=
RUN if [ -n "${TORCH_INDEX}" ]; then pip install --index-url "${TORCH_INDEX}" "torch==${TORCH}"; fi
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY encoder encoder
COPY indexer indexer
COPY training training
RUN pip install -c constraints.txt '.[openvino,postgres]'

FROM python:3.12-slim-bookworm
# What OpenCV links to; its versions are the distribution's.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /home/reelseek reelseek \
    && install -d -o reelseek -g reelseek /library
COPY --from=build /opt/reelseek /opt/reelseek
ENV PATH=/opt/reelseek/bin:$PATH PYTHONUNBUFFERED=1 REELSEEK_LIBRARY=/library MPLCONFIGDIR=/tmp
USER 10001
WORKDIR /home/reelseek
VOLUME /library
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
ENTRYPOINT ["reelseek"]
CMD ["serve", "--host", "0.0.0.0", "--auth-file", "/run/secrets/accounts", "--folder", "/videos", "--log", "json"]
