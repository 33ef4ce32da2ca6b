# The tracker: web server, workers and commands in one image. Keys and passwords are never in it.
# NOT RUN where it was written, for want of a Docker daemon: what each step runs was run there by hand, in a clean folder, and
# tests/project/test_deploy_files.py looks whether what it names exists. See docs/deploy.md.

ARG PYTHON=3.11
ARG DEBIAN=bookworm

FROM python:${PYTHON}-slim-${DEBIAN} AS made
WORKDIR /opt/trackingsite
# The installer first, then the locked packages, each with its hash: these layers change when a lock file does.
COPY requirements-uv.txt requirements.txt ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-uv.txt
RUN python -m venv /opt/venv
RUN python -m uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r requirements.txt
COPY manage.py pyproject.toml ./
COPY trackingsite trackingsite
COPY shipments shipments
COPY templates templates
COPY static static
RUN /opt/venv/bin/pybabel --quiet compile --domain django --directory trackingsite/locale
RUN /opt/venv/bin/python -m compileall -q /opt/venv/lib trackingsite shipments
# Made-up keys for this one command, which uses neither; without any it would make real ones, and leave them in a layer.
RUN SECRET_KEY=unused CREDENTIAL_KEYS=unused TRACKINGSITE_DATA=/opt/data \
    /opt/venv/bin/python manage.py collectstatic --no-input --verbosity 0

FROM python:${PYTHON}-slim-${DEBIAN}
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    TRACKINGSITE_PRODUCTION=1 \
    TRACKINGSITE_LOG_FORMAT=json \
    TRACKINGSITE_DATA=/opt/data
COPY --from=made /opt/venv /opt/venv
COPY --from=made /opt/data /opt/data
COPY --from=made /opt/trackingsite /opt/trackingsite
WORKDIR /opt/trackingsite
# A number, not a name: nothing is written and everything can be read by all, so that a platform may run it as any other user.
USER 10001:0
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--no-ws", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "4", "--respawn-failed-workers", "--workers-kill-timeout", "10", \
     "trackingsite.wsgi:application"]
