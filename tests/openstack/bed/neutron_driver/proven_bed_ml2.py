"""A driver of Neutron's ML2 without an agent: every port is bound at once, as a macvtap on one interface of the host.

The interface is one end of a veth pair whose other end carries the host's address on the machines' network; the fake compute
driver plugs nothing in. For a bed of one host. `proven_bed-1.dist-info` beside this file is how Neutron finds it.
"""

from __future__ import annotations

from typing import Any

from neutron.db.models import port_forwarding  # noqa: F401  # Neutron 29 reads a column that only this import defines
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api
from oslo_config import cfg
from sqlalchemy import orm

cfg.CONF.register_opts([cfg.StrOpt("interface", default="proven-bed1")], "proven_bed")


class MechanismDriver(api.MechanismDriver):
    def initialize(self) -> None:
        self._interface = cfg.CONF.proven_bed.interface
        orm.configure_mappers()  # without it the column is there, but no attribute

    @property
    def connectivity(self) -> str:
        return str(portbindings.CONNECTIVITY_L2)

    def try_to_bind_segment_for_agent(self, *_: Any, **__: Any) -> bool:
        return False

    def bind_port(self, context: Any) -> None:
        details = {
            portbindings.CAP_PORT_FILTER: False,
            "physical_interface": self._interface,
            "macvtap_source": self._interface,
            "macvtap_mode": "bridge",
        }
        segment = next(iter(context.segments_to_bind))
        context.set_binding(segment[api.ID], portbindings.VIF_TYPE_MACVTAP, details, status=constants.PORT_STATUS_ACTIVE)
