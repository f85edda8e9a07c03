# The portal's image: the program and its pinned dependencies, run by a user who owns nothing.
# Every dependency comes as a built wheel, so no compiler is needed, here or at run time.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --uid 10001 --no-create-home portal \
    && install --directory --owner=portal --mode=700 /data

WORKDIR /app
COPY requirements.txt .
RUN pip install --only-binary :all: --require-hashes --requirement requirements.txt
COPY . .
RUN python -m compileall -q portal

USER 10001
ENV HOST=0.0.0.0 \
    PORT=8000 \
    PORTAL_INSTANCE=/data
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
