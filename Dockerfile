# Three stages: the GraphiQL page, the Python packages, and what runs.
FROM node:22.21.1-bookworm-slim AS page
WORKDIR /build
COPY project/frontend/package.json project/frontend/package-lock.json project/frontend/.npmrc ./
RUN npm ci --omit=dev
COPY project/frontend/index.html project/frontend/vite.config.js ./
COPY project/frontend/src ./src
RUN npm run build

FROM python:3.11.14-slim-bookworm AS packages
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --create-home taskfeed
WORKDIR /app
COPY --from=packages /venv /venv
COPY manage.py ./
COPY project ./project
COPY --from=page /build/dist ./project/frontend/dist
COPY tasks ./tasks
RUN /venv/bin/python -m compileall -q project tasks
ENV PATH="/venv/bin:$PATH" PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
USER 10001
EXPOSE 8000
# The worker is the same image with the command `python -m project.worker`.
CMD ["python", "-m", "project.server"]
