"""``python -m api``: serve the application of the installation that the environment names."""

from __future__ import annotations

from runtime.loading import loading

with loading():
    import uvicorn

    from api.app import create_app
    from runtime import logs
    from runtime.settings import load


def main() -> None:
    """Serve until asked to stop."""
    settings = load()
    logs.configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
