# First stage: the locked dependencies and Sojourn itself, installed into /opt/sojourn with hashes checked.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /opt/sojourn \
    && /opt/sojourn/bin/pip install --require-hashes -r requirements/runtime.txt \
    && python -m venv /build \
    && /build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY ledger ledger
COPY projections projections
COPY api api
COPY migrations migrations
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/sojourn/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /opt/sojourn/bin/python -m compileall -q /opt/sojourn/lib

# Second stage: Python, Pango, /opt/sojourn and a user of its own; no compiler, no pip cache, no sources.
FROM python:3.11-slim-bookworm
# Pango draws the text of PDF files, with DejaVu's letters.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        fonts-dejavu-core libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/sojourn --shell /usr/sbin/nologin sojourn
COPY --from=build /opt/sojourn /opt/sojourn
ENV PATH=/opt/sojourn/bin:$PATH PYTHONUNBUFFERED=1 SOJOURN_DATA=/var/lib/sojourn/data
USER sojourn
WORKDIR /var/lib/sojourn
VOLUME /var/lib/sojourn
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4).close()"]
ENTRYPOINT ["sojourn"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
