#!/usr/bin/env bash
# Usage: base.sh — MariaDB and RabbitMQ of the bed's own, with nothing in them.
set -euo pipefail
# shellcheck source=tests/openstack/bed/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin=$(now)

mkdir -p "$STATE"/{mariadb,rabbitmq}
cat >"$STATE/conf/rabbitmq.conf" <<CONF
default_user = openstack
default_pass = $PASSWORD
loopback_users = none
log.console = false
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 200MB
CONF
echo '[].' >"$STATE/conf/rabbitmq-plugins"
export RABBITMQ_NODENAME=proven@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$QUEUE_PORT \
  RABBITMQ_DIST_PORT=$QUEUE_NODE_PORT ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$EPMD_PORT \
  RABBITMQ_MNESIA_BASE=$STATE/rabbitmq RABBITMQ_LOG_BASE=$STATE/log RABBITMQ_PID_FILE=$STATE/pid/rabbitmq-beam \
  RABBITMQ_CONFIG_FILE=$STATE/conf/rabbitmq RABBITMQ_ENABLED_PLUGINS_FILE=$STATE/conf/rabbitmq-plugins \
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
HOME=$STATE/rabbitmq background rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server

logged mariadb-install mariadb-install-db --no-defaults --datadir="$STATE/mariadb" --user="$(id -un)" \
  --auth-root-authentication-method=normal --skip-test-db
background mariadb mariadbd --no-defaults --datadir="$STATE/mariadb" --user="$(id -un)" --socket="$STATE/mariadb.sock" \
  --pid-file="$STATE/mariadb.pid" --port="$DATABASE_PORT" --bind-address=127.0.0.1 --skip-name-resolve --skip-log-bin \
  --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M --max-connections=300 --performance-schema=OFF
wait_until 300 sql -e 'select 1'
sql -e "create user openstack@'%' identified by '$PASSWORD'; grant all on *.* to openstack@'%'"
for name in placement neutron nova nova_api nova_cell0; do sql -e "create database $name character set utf8mb4"; done
took "MariaDB" "$begin"
wait_until 300 listens "$QUEUE_PORT"
took "RabbitMQ" "$begin"
