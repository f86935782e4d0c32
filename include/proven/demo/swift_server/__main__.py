"""Run the embedded Swift: `python -m include.proven.demo.swift_server ROOT`, with its settings in ROOT/settings.json.

When it serves it writes ROOT/ready.json: {"pid": …, "port": …, "url": …, "auth_url": …}.
"""

from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")

import eventlet  # noqa: E402 -- the warning above is its first act

eventlet.monkey_patch(all=False, os=True, select=True, socket=True, thread=True, time=True)

import ctypes  # noqa: E402 -- whatever uses sockets is imported after they are green
import http.client  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import pathlib  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402

import eventlet.hubs  # noqa: E402

from include.proven.demo.swift_server import config, logs  # noqa: E402

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until SIGTERM."""
    root = pathlib.Path(sys.argv[1]).resolve()
    settings = config.Settings.read(root)
    die_with(settings.parent)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    keep_one_hub()
    for folder in ("etc", "log", "srv/d1"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    logs.open_log(root / "log/swift.log")
    sockets = {name: listen(config.LOOPBACK, 0) for name in config.SERVERS if name != "proxy"}
    sockets["proxy"] = listen(settings.address, settings.port)
    ports = {name: listener.getsockname()[1] for name, listener in sockets.items()}
    config.write_configuration(root, settings, ports)
    write_rings(root, ports)
    for name in ("account", "container", "object"):
        eventlet.spawn_n(serve, root, name, sockets[name])
    eventlet.spawn_n(announce, root, ports["proxy"], settings)
    serve(root, "proxy", sockets["proxy"])


def die_with(parent: int | None) -> None:
    """Ask the kernel to end this process when its parent ends, or end now if that one is gone already."""
    if parent is None:
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the process that started this Swift is gone")


def keep_one_hub() -> None:
    """Choose eventlet's hub once in each thread.

    `wsgi.run_server` chooses one each time it is called, and that loses the greenlets of the servers started before.
    """
    from swift.common.utils import get_hub

    use_hub, local = eventlet.hubs.use_hub, eventlet.hubs._threadlocal
    use_hub(get_hub())
    eventlet.hubs.get_hub()
    eventlet.hubs.use_hub = lambda *hub: None if getattr(local, "hub", None) else use_hub(*hub)


def listen(address: str, port: int) -> socket.socket:
    """Return a listener."""
    listener: socket.socket = eventlet.listen((address, port), backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def write_rings(root: pathlib.Path, ports: dict[str, int]) -> None:
    """Write the rings: one replica on one device. Ports may change between runs, the device does not: data is kept."""
    from swift.common.ring import RingBuilder
    from swift.common.utils import set_swift_dir

    for name in ("account", "container", "object"):
        builder = RingBuilder(2, 1, 1)
        builder.add_dev(
            {
                "id": 0,
                "region": 1,
                "zone": 1,
                "ip": config.LOOPBACK,
                "port": ports[name],
                "device": "d1",
                "weight": 1.0,
                "meta": "",
            }
        )
        builder.rebalance()
        builder.get_ring().save(f"{root}/etc/{name}.ring.gz")
    set_swift_dir(f"{root}/etc")


def serve(root: pathlib.Path, name: str, listener: socket.socket) -> None:
    """Run one of Swift's servers on a listener, for good."""
    from swift.common import wsgi

    conf, logger, global_conf, _ = wsgi.check_config(f"{root}/etc/{name}-server.conf", f"{name}-server")
    wsgi.run_server(conf, logger, listener, global_conf=global_conf)


def announce(root: pathlib.Path, port: int, settings: config.Settings) -> None:
    """Write `ready.json`, whole or not at all, once the proxy answers."""
    while not answers(settings.address, port):
        eventlet.sleep(0.05)
    url = f"http://{settings.address}:{port}"
    auth_url = settings.keystone.url if settings.keystone else f"{url}/auth/v1.0"
    ready = {"pid": os.getpid(), "port": port, "url": url, "auth_url": auth_url}
    (root / "ready.json.new").write_text(json.dumps(ready))
    (root / "ready.json.new").rename(root / "ready.json")


def answers(address: str, port: int) -> bool:
    """Say whether the proxy's health check is fine."""
    client = http.client.HTTPConnection(address, port, timeout=5)
    try:
        client.request("GET", "/healthcheck")
        return client.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        client.close()


if __name__ == "__main__":
    main()
