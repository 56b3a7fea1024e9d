# One image for the API, the worker and the custodian; docker-compose.yml says which a container runs.
FROM python:3.13-slim AS built
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /venv
COPY requirements.in requirements.lock ./
RUN /venv/bin/pip install --require-hashes -r requirements.lock
COPY . .
# In place: the bundled protocol texts are found beside the code.
RUN /venv/bin/pip install --no-build-isolation --no-deps --editable . && /venv/bin/python -m compileall -q .

FROM python:3.13-slim
# Nobody's account on the host; it owns the data and cannot write the program.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data handoff \
 && install -d -m 700 -o handoff -g handoff /data /keys /keys/engine /keys/agencies /run/handoff
COPY --from=built /venv /venv
COPY --from=built /app /app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 \
    HANDOFF_DATA=/data HANDOFF_KEY_DIR=/keys HANDOFF_CUSTODIAN_DIR=/run/handoff
WORKDIR /app
USER handoff
CMD ["python", "-m", "api"]
