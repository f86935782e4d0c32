#!/usr/bin/env bash
# Usage: neutron.sh — Neutron without agents: ports are bound by neutron_driver/, no packet is filtered.
set -euo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin=$(now)

mkdir -p "$STATE"/neutron/lock
cat >"$STATE/conf/neutron.conf" <<CONF
[DEFAULT]
use_stderr = true
core_plugin = ml2
service_plugins =
state_path = $STATE/neutron
transport_url = $(queue_url)
api_paste_config = $VENV/etc/neutron/api-paste.ini
auth_strategy = keystone
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false
rpc_workers = 0
[database]
connection = $(database_url neutron)
[oslo_concurrency]
lock_path = $STATE/neutron/lock
[keystone_authtoken]
$(service_login neutron)
[nova]
$(service_login nova)
[placement]
$(service_login placement)
[ml2]
type_drivers = flat,local
tenant_network_types = local
mechanism_drivers = proven_bed
extension_drivers = port_security
[ml2_type_flat]
flat_networks = *
[securitygroup]
enable_security_group = true
firewall_driver = noop
[proven_bed]
interface = proven-bed1
CONF
logged neutron-db neutron-db-manage --config-file "$STATE/conf/neutron.conf" upgrade head
took "Neutron's database" "$begin"
serve neutron 9696 neutron.wsgi.api:application OS_NEUTRON_CONFIG_DIR="$STATE/conf" OS_NEUTRON_CONFIG_FILES=neutron.conf
wait_until 300 answers "$NEUTRON/"
took "Neutron" "$begin"
