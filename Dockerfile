# Airflow with everything that Proven runs on, from Debian's packages and the hash locks. One list of programs and one way to
# install: scripts/setup, the same as on any machine. Why not the image apache/airflow: docs/decisions/0008-container-image.md
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS python
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/proven
COPY scripts/setup scripts/setup

# Compilers and headers stay behind in this stage.
FROM python AS build
COPY requirements.txt requirements-swift.txt requirements-uv.txt ./
RUN scripts/setup

FROM python AS proven
RUN scripts/setup --programs \
 && rm -rf /var/lib/apt/lists/* .proven \
 && useradd --uid 50000 --gid 0 --home-dir /opt/proven --shell /usr/sbin/nologin proven \
 && install -d -o proven -g root -m 0770 /opt/proven /opt/proven/logs /var/lib/proven
COPY --from=build /opt/proven/.venv .venv
COPY dags dags
COPY plugins plugins
COPY include include
COPY docker docker
# Any user id will do (compose gives the one that owns the secret files), so the group must be able to write, and the name
# that such an id lacks comes from the environment. Python's bytecode needs a place of its own: that user may not write beside
# the packages, and every task would compile all that it imports.
ENV LANG=C.UTF-8 AIRFLOW_HOME=/opt/proven HOME=/opt/proven PYTHONPATH=/opt/proven USER=proven \
    PYTHONPYCACHEPREFIX=/opt/proven/.pycache \
    PATH=/opt/proven/.venv/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
USER 50000:0
CMD ["airflow", "version"]

# What only the profile `demo` of docker-compose.yaml runs: a source database and a Swift.
FROM proven AS demo
USER root
RUN apt-get update \
 && apt-get install -y --no-install-recommends socat \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o proven -g root -m 0770 /var/lib/source /var/lib/swift
COPY --from=build /opt/proven/.venv-swift .venv-swift
USER 50000:0
