#!/usr/bin/env bash
# Usage: nova.sh fake|none
#
# Nova's API, scheduler and conductor; fake: with a compute host on Nova's fake driver (none: libvirt.sh adds a real one).
set -euo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin=$(now)

mkdir -p "$STATE"/nova/{instances,lock}
cat >"$STATE/conf/nova.conf" <<CONF
[DEFAULT]
compute_driver = fake.SmallFakeDriver
use_stderr = true
my_ip = 127.0.0.1
host = fake
state_path = $STATE/nova
instances_path = $STATE/nova/instances
transport_url = $(queue_url)
enabled_apis = osapi_compute
config_drive_format = iso9660
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
heal_instance_info_cache_interval = -1
reserved_host_memory_mb = 0
ram_allocation_ratio = 4
cpu_allocation_ratio = 16
flat_injected = false
[api]
auth_strategy = keystone
[api_database]
connection = $(database_url nova_api)
[database]
connection = $(database_url nova)
[keystone_authtoken]
$(service_login nova)
[service_user]
send_service_user_token = true
$(service_login nova)
[placement]
$(service_login placement)
[glance]
api_servers = $GLANCE
num_retries = 2
[neutron]
$(service_login neutron)
[cinder]
$(service_login nova)
[oslo_concurrency]
lock_path = $STATE/nova/lock
[wsgi]
api_paste_config = $VENV/etc/nova/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = -1
[vnc]
enabled = false
CONF
cp "$VENV/etc/nova/api-paste.ini" "$STATE/conf/"
manage() { logged nova-manage nova-manage --config-file "$STATE/conf/nova.conf" "$@"; }
manage api_db sync
manage cell_v2 map_cell0 --database_connection "$(database_url nova_cell0)"
manage cell_v2 create_cell --name cell1
manage db sync
took "Nova's databases" "$begin"

for name in conductor scheduler; do background "nova-$name" nova-$name --config-file "$STATE/conf/nova.conf"; done
[ "$1" != fake ] || background nova-compute nova-compute --config-file "$STATE/conf/nova.conf"
serve nova-api 8774 nova.wsgi.osapi_compute:application OS_NOVA_CONFIG_DIR="$STATE/conf" "OS_NOVA_CONFIG_FILES=api-paste.ini;nova.conf"
wait_until 300 answers "$NOVA/"
took "Nova's API" "$begin"
[ "$1" = fake ] || exit 0
finds_host() { nova-manage --config-file "$STATE/conf/nova.conf" cell_v2 discover_hosts --verbose 2>/dev/null | grep "Creating host mapping"; }
wait_until 300 finds_host
took "Nova's fake compute host" "$begin"
