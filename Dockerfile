# The worker's image: a slim Debian, the release's Node, and dist/entrypoint.sh. All other images are made from it.
# `npm run images` builds it and checks its size; by hand, after `npm run build`: docker build -t spotrig-worker .
ARG BASE=debian:trixie-slim

FROM ${BASE} AS runtime
COPY dist/entrypoint.sh /release/
COPY dist/artifacts/ /release/artifacts/
COPY images/worker/unpack-runtime.sh /release/
RUN /release/unpack-runtime.sh /release /image/home \
  && mkdir /image/scripts && cp /release/entrypoint.sh /image/scripts/ && chmod 755 /image/scripts/entrypoint.sh

FROM ${BASE}
COPY images/worker/bin/ /usr/local/bin/
# wget is what fetches DELEGATED_ENTRYPOINT. xz halves a download of another release's Node. The rest (bash, coreutils, tar,
# gzip) is in every Debian.
ARG SOURCE_DATE_EPOCH
RUN spotrig-packages wget ca-certificates xz-utils libstdc++6 \
  && useradd --no-log-init --uid 10001 --user-group --home-dir /var/lib/spotrig --shell /bin/bash spotrig
COPY --from=runtime --chown=10001:10001 /image/home/ /var/lib/spotrig/
# A folder of the worker's own: a script that is damaged is healed by a rename in it.
COPY --from=runtime --chown=10001:10001 /image/scripts/ /opt/spotrig/

# Whatever miner an order names may need the GPUs; what the driver's own libraries are, the host mounts.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# Nothing here needs root: the worker opens no port below 1024, and GPUs are open to all users (/dev/nvidia*, mode 666). A script
# of DELEGATED_ENTRYPOINT that does need it (CLORE's own image runs it as root) takes an image built with --build-arg RUN_AS=root.
ARG RUN_AS=spotrig
USER ${RUN_AS}
WORKDIR /var/lib/spotrig
CMD ["/usr/local/bin/spotrig-start"]

ARG SOURCE
ARG REVISION
ARG VERSION
ARG CREATED
LABEL org.opencontainers.image.title="spotrig worker" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.licenses="MIT"
