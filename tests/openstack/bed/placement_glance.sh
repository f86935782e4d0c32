#!/usr/bin/env bash
# Usage: placement_glance.sh — Placement and Glance; images lie in the state's directory.
#
# Placement is written to by several at once, which SQLite answers with "database is locked": a server that fails for no reason.
set -euo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin=$(now)

mkdir -p "$STATE"/glance/{images,staging,tasks} "$STATE"/conf/placement
cat >"$STATE/conf/placement/placement.conf" <<CONF
[DEFAULT]
use_stderr = true
[placement_database]
connection = $(database_url placement)
[api]
auth_strategy = keystone
[keystone_authtoken]
$(service_login placement)
service_token_roles_required = true
CONF
logged placement-manage placement-manage --config-file "$STATE/conf/placement/placement.conf" db sync
serve placement 8778 placement.wsgi.api:application OS_PLACEMENT_CONFIG_DIR="$STATE/conf/placement"

# The direct URL shows the image's path, so that Nova can link it and need not copy.
cat >"$STATE/conf/glance-api.conf" <<CONF
[DEFAULT]
use_stderr = true
enabled_backends = files:file
node_staging_uri = file://$STATE/glance/staging
worker_self_reference_url = $GLANCE
show_image_direct_url = true
[database]
connection = sqlite:///$STATE/glance/glance.db
[paste_deploy]
flavor = keystone
config_file = $VENV/etc/glance/glance-api-paste.ini
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = $STATE/glance/images
[os_glance_staging_store]
filesystem_store_datadir = $STATE/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = $STATE/glance/tasks
[keystone_authtoken]
$(service_login glance)
service_token_roles_required = true
CONF
logged glance-manage glance-manage --config-file "$STATE/conf/glance-api.conf" db_sync
serve glance 9292 glance.wsgi.api:application OS_GLANCE_CONFIG_DIR="$STATE/conf" OS_GLANCE_CONFIG_FILES=glance-api.conf
wait_until 300 answers "$PLACEMENT/"
wait_until 300 answers "$GLANCE/"
took "Placement and Glance" "$begin"
