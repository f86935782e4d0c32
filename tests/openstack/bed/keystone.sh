#!/usr/bin/env bash
# Usage: keystone.sh — Keystone, its users and projects, and the catalog of all services.
set -euo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin=$(now)

mkdir -p "$STATE"/keystone/{fernet,credential}
cat >"$STATE/conf/keystone.conf" <<CONF
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///$STATE/keystone/keystone.db
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $STATE/keystone/fernet
[credential]
key_repository = $STATE/keystone/credential
[identity]
# 2^4 rounds of bcrypt: a token takes 20 ms, not 400
password_hash_rounds = 4
[cache]
enabled = true
backend = oslo_cache.dict
[oslo_policy]
enforce_scope = true
CONF
manage() { logged keystone-manage keystone-manage --config-file "$STATE/conf/keystone.conf" "$@"; }
owner=(--keystone-user "$(id -un)" --keystone-group "$(id -gn)")
manage db_sync
manage fernet_setup "${owner[@]}"
manage credential_setup "${owner[@]}"
OS_BOOTSTRAP_PASSWORD=$PASSWORD manage bootstrap --bootstrap-region-id RegionOne \
  --bootstrap-admin-url "$KEYSTONE" --bootstrap-internal-url "$KEYSTONE" --bootstrap-public-url "$KEYSTONE"
serve keystone 5000 keystone.wsgi.api:application OS_KEYSTONE_CONFIG_DIR="$STATE/conf"
wait_until 300 answers "$KEYSTONE"
python "$BED/catalog.py" "$KEYSTONE" "$PASSWORD" placement="$PLACEMENT" image="$GLANCE" compute="$NOVA/v2.1" network="$NEUTRON"
took "Keystone" "$begin"
