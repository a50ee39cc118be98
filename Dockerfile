# One image for every command of outbound-chat: `docker run … outbound-chat worker`, `… http`, `… sandbox`, `… send`.
# docker-compose.yml runs it; docs/deployment.md explains it.

# The Python that the test suite runs on. Add "@sha256:…" in a build of your own to fix the base image for good.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# All that the extra [all] has, so that every command works and what is encrypted can be read.
ARG EXTRAS=worker,cli,http,sandbox,embedded,encryption,excel
WORKDIR /src
# Without pip in it: nothing in the image needs an installer.
RUN python -m venv --without-pip /opt/outbound-chat

# Dependencies first: this layer is made anew only when their versions change, not with each line of code. Wheels only,
# since neither stage has a compiler.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; x = p['optional-dependencies']; print(*p['dependencies'], *sum((x[e] for e in '${EXTRAS}'.split(',')), []), sep='\n')" > requirements.txt \
 && pip --python /opt/outbound-chat/bin/python install --only-binary :all: -c constraints.txt -r requirements.txt \
 && pip install --only-binary :all: -c constraints.txt hatchling

COPY README.md LICENSE ./
COPY config config
COPY producers producers
COPY worker worker
COPY examples/demo.csv examples/demo.csv
# --no-index: what the wheel asks for must be there already, else the build ends here.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/outbound-chat/bin/python install --no-index "$(echo dist/*.whl)[${EXTRAS}]"

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="outbound-chat" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin outbound-chat
COPY --from=build /opt/outbound-chat /opt/outbound-chat
ENV PATH=/opt/outbound-chat/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
ENTRYPOINT ["outbound-chat"]
CMD ["--help"]
