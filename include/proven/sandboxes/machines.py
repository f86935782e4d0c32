"""A sandbox as a machine of a cloud: what every cloud has in common. What they differ in is a `Cloud` (`cloud.py`).

The machine is told all at its first boot (`user_data.py`) and known by its one-time keys (`one_time_keys.py`). Nothing about
it is kept here: the cloud says what there is, the seed says which keys it has.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterator

import paramiko

from include.proven import engines
from include.proven.engines.contract import Engine
from include.proven.errors import ConfigError, SandboxError, SourceError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.hosts import ssh_client
from include.proven.hosts.ssh import SshHost
from include.proven.sandboxes import boot, sizing, tunnel, user_data
from include.proven.sandboxes.cloud import OWNER, Cloud, Machine, Spec
from include.proven.sandboxes.contract import Endpoint, Found, Instance, Order, Place, SandboxFullError
from include.proven.sandboxes.local_place import NAME
from include.proven.sandboxes.one_time_keys import OneTimeKeys

SETTLE_SECONDS = 5.0
"""In this time every worker sees what any of them has ordered; and clouds tell the moment of an order in whole seconds."""
CONNECT_SECONDS = 20.0


class MachineSandbox:
    """Machines of one cloud. `sandboxes/contract.py` says what each method does."""

    def __init__(
        self,
        name: str,
        config: fleet_sandboxes.MachineSandbox,
        cloud: Cloud,
        seed: str,
        *,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        """Take the cloud and the seed of the keys; '' takes the cloud's own secret. Raise ConfigError if there is neither."""
        if not seed and not cloud.secret:
            raise ConfigError(
                f"sandbox {name}: there is no secret to derive the machines' SSH keys from",
                hint="The cloud's credentials hold none that lasts: name a connection with a password of 32 random characters "
                "as the sandbox's `seed`.",
            )
        self.name = name
        self.config = config
        self.cloud = cloud
        self.settle_seconds = settle_seconds
        self.keys = OneTimeKeys(seed or cloud.secret, name)
        self.as_root = () if config.user == "root" else ("sudo", "-n", "--")

    def create(self, order: Order) -> None:
        """Ask the cloud for the machine. What has failed or is going under that name is removed first."""
        self._check_name(order.name)
        spec = self._specify(order)
        standing = self._standing()
        ours = next((machine for machine in standing if machine.name == order.name), None)
        if ours and ours.state not in {"failed", "ending"}:
            self._give_way(order.name)  # whoever ordered it may have been killed before that
            return
        if ours:
            self.cloud.remove(order.name)
        if len([machine for machine in standing if machine.name != order.name]) >= self.config.at_once:
            raise self._full()
        self.cloud.start(spec)
        self._give_way(order.name)

    def ready(self, name: str) -> Instance:
        """Wait for the machine, its address, SSH, the end of cloud-init, and its database."""
        self._check_name(name)
        return boot.wait_for(self, name)

    def instance(self, name: str) -> Instance:
        """Return an instance that was ready before. Raise SandboxError if it is not there or is dead."""
        self._check_name(name)
        machine = self.look(name)
        if machine.state != "running" or not machine.address:
            raise SandboxError(f"sandbox {self.name}: {name} does not run: it is {machine.state}", detail=machine.said)
        instance = self.describe(machine)
        try:
            boot.ask_database(instance)
        except SourceError as error:
            instance.host.close()
            raise SandboxError(f"sandbox {self.name}: the database of {name} does not answer", detail=error.detail) from error
        except BaseException:
            instance.host.close()
            raise
        return instance

    def make_place(self, name: str) -> Place:
        """Refuse: that is not there yet."""
        raise ConfigError(
            f"sandbox {self.name}: a machine can't be given a data directory yet",
            hint="Drill recovery points of the method `physical` in a sandbox of kind `local`.",
        )

    def serve(self, name: str) -> None:
        """Refuse likewise."""
        self.make_place(name)

    @contextlib.contextmanager
    def reach(self, name: str) -> Iterator[Endpoint]:
        """Open a tunnel to its database's socket."""
        self._check_name(name)
        machine = self.look(name)
        with (
            contextlib.closing(self.log_in(machine)) as client,
            tunnel.carry(client, user_data.PLACE.socket, as_root=self.as_root) as socket,
        ):
            yield Endpoint(machine.tags["flavour"], socket=str(socket))

    def destroy(self, name: str) -> bool:
        """Have the cloud remove the machine and all that was made for it."""
        self._check_name(name)
        return self.cloud.remove(name)

    def find(self) -> Iterator[Found]:
        """Yield what the cloud has of ours, sorted by name."""
        for machine in sorted(self.cloud.find(self.name), key=lambda machine: machine.name):
            yield self._as_found(machine)

    def look(self, name: str) -> Machine:
        """Return the machine of that name. Raise SandboxError if there is none, or only what was left of one."""
        machine = next(iter(self.cloud.find(self.name, name)), None)
        if machine is None:
            raise SandboxError(f"sandbox {self.name}: there is no {name}")
        if machine.state == "debris":
            raise SandboxError(f"sandbox {self.name}: there is no {name}, only what is left of it", detail=machine.said)
        return machine

    def log_in(self, machine: Machine, *, timeout: float = CONNECT_SECONDS) -> paramiko.SSHClient:
        """Log in with the machine's one-time key, if it shows its one-time host key. Raise SandboxError."""
        return ssh_client.pinned_client(
            machine.address,
            self.config.ssh_port,
            self.config.user,
            self.keys.derive("user", machine.name).private,
            self.keys.derive("host", machine.name).public,
            timeout=timeout,
        )

    def _check_name(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise SandboxError(f"sandbox {self.name}: {name!r} is no name of a sandbox")

    def _specify(self, order: Order) -> Spec:
        """Choose image and size and write the user data. Raise SandboxError before anything is built."""
        engine: Engine = engines.engine(order.server.flavour)
        series, image = sizing.choose_image(self.config.images, engine, order.server, sandbox=self.name)
        sizes = self.cloud.sizes(self.config.sizes)
        size, volume = sizing.choose(sizes, order.data_bytes, self.config.space_factor, sandbox=self.name)
        recipe = user_data.Recipe(
            engine=engine,
            server=order.server,
            data_bytes=order.data_bytes,
            memory_bytes=size.memory_bytes,
            user=self.config.user,
            packages=self.config.packages.get(series, []),
        )
        now = datetime.datetime.now(datetime.UTC)
        return Spec(
            name=order.name,
            image=image,
            size=size,
            volume_bytes=volume,
            user_data=user_data.render(
                recipe, self.keys.derive("host", order.name), self.keys.derive("user", order.name).public
            ),
            tags={
                "owner": OWNER,
                "sandbox": self.name,
                "instance": order.name,
                "flavour": order.server.flavour,
                "database": order.database,
                "recovery_point": order.recovery_point,
                "drill": order.drill,
                "created_at": now.isoformat(),
                "expires_at": (now + self.config.lifetime).isoformat(),
            },
            ssh_port=self.config.ssh_port,
        )

    def _standing(self) -> list[Machine]:
        return [machine for machine in self.cloud.find(self.name) if machine.state != "debris"]

    def _give_way(self, name: str) -> None:
        """Take the machine back if there are too many and it is not among the oldest, which stay. Raise SandboxFullError."""
        time.sleep(self.settle_seconds)
        by_age = sorted(self._standing(), key=lambda machine: (machine.created_at, machine.name))
        if name in [machine.name for machine in by_age[self.config.at_once :]]:
            self.cloud.remove(name)
            raise self._full()

    def _full(self) -> SandboxFullError:
        return SandboxFullError(
            f"sandbox {self.name} is full: {self.config.at_once} machines exist",
            hint="Wait for one of them to end, or raise the sandbox's `at_once`.",
        )

    def describe(self, machine: Machine) -> Instance:
        """Return the instance that a machine with an address is."""
        return Instance(
            name=machine.name,
            host=SshHost(lambda: self.log_in(machine), name=machine.name, sudo=bool(self.as_root)),
            endpoint=Endpoint(machine.tags["flavour"], socket=user_data.PLACE.socket),
            size=machine.size,
            log=user_data.PLACE.log,
            inside=user_data.INSIDE,
        )

    def _as_found(self, machine: Machine) -> Found:
        tags = machine.tags
        created, expires = machine.created_at, machine.created_at + self.config.lifetime
        if {"created_at", "expires_at"} <= tags.keys():
            created, expires = (datetime.datetime.fromisoformat(tags[key]) for key in ("created_at", "expires_at"))
        told = {key: tags.get(key, "") for key in ("database", "recovery_point", "drill")}
        return Found(machine.name, created, expires, size=machine.size, **told)
