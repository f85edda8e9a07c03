# The portal's image: the program and its pinned dependencies, run by a user who owns nothing.
# Every dependency comes as a built wheel, so no compiler is needed, here or at run time.
# By name and version; docs/operations.md says how to pin its digest.
ARG PYTHON=python:3.11-slim

# Dependencies are checked against their hashes; pip itself stays behind.
FROM ${PYTHON} AS dependencies
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt .
RUN python3 -m venv --without-pip /venv \
    && python3 -m pip --python /venv/bin/python install --only-binary :all: --require-hashes --requirement requirements.txt

FROM ${PYTHON}
RUN useradd --uid 10001 --no-create-home portal \
    && install --directory --owner=portal --mode=700 /data
COPY --from=dependencies /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    PORTAL_INSTANCE=/data
RUN python -m compileall -q portal

# By number, which a cluster that refuses root can read.
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/readyz\", timeout=4)"]
CMD ["python", "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
