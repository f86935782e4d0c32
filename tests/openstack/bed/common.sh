#!/usr/bin/env bash
# Sourced by every script of the bed: where things lie, and how a process is started and remembered.
#
# Every listener is on loopback. The state is made anew at each start: a Nova that was stopped does not come back well.
# shellcheck disable=SC2034  # the variables are for those who source this
BED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OPENSTACK_CACHE=${PROVEN_OPENSTACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/proven/openstack}
STATE=${PROVEN_OPENSTACK_STATE:-$OPENSTACK_CACHE/bed}
VENV=$OPENSTACK_CACHE/$(sha256sum "$BED/../../../requirements-openstack.txt" | cut -c1-12)

DATABASE_PORT=13306 QUEUE_PORT=15679 QUEUE_NODE_PORT=25679 EPMD_PORT=14369
KEYSTONE=http://127.0.0.1:5000/v3
PLACEMENT=http://127.0.0.1:8778 GLANCE=http://127.0.0.1:9292 NOVA=http://127.0.0.1:8774 NEUTRON=http://127.0.0.1:9696
PASSWORD=secret # of everyone in the bed
HOST_ADDRESS=10.77.0.1 # this host, as real machines see it
ELSEWHERE=192.0.2.10    # another address of this host, to which they have no route
LIBVIRT="qemu+unix:///system?socket=$STATE/libvirt/run/libvirt-sock"

export PYTHONWARNINGS=ignore
export PATH=$VENV/bin:$PATH:/usr/sbin:/sbin
mkdir -p "$STATE"/{log,pid,conf}
chmod 700 "$STATE"

now() { date +%s%N; }

# $1: what is done, $2: when it began. Also kept in timings, one tab-separated line each: milliseconds, words.
took() {
  local milliseconds=$((($(now) - $2) / 1000000))
  printf '%7d ms  %s\n' "$milliseconds" "$1"
  printf '%d\t%s\n' "$milliseconds" "$1" >>"$STATE/timings"
}

# $1: name, $2 …: command. Runs in the background in a session of its own; its pid is in pid/NAME, its words in log/NAME.out.
background() {
  local name=$1
  shift
  setsid nohup "$@" >>"$STATE/log/$name.out" 2>&1 </dev/null &
  echo $! >"$STATE/pid/$name"
}

# $1: name, $2 …: command that must succeed. Its words are in log/NAME.out; the end of them is shown when it fails.
logged() {
  local name=$1
  shift
  "$@" >>"$STATE/log/$name.out" 2>&1 || { echo "failed: $*"; tail -n 20 "$STATE/log/$name.out"; return 1; }
}

# $1: seconds, $2 …: command that is tried until it succeeds.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "gave up waiting for: $*"; return 1; }
    sleep 0.2
  done
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
answers() { [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "$1")" != 000 ]; }
sql() { mariadb --no-defaults -uroot -S "$STATE/mariadb.sock" "$@"; }
database_url() { echo "mysql+pymysql://openstack:$PASSWORD@127.0.0.1:$DATABASE_PORT/$1?charset=utf8mb4"; }
queue_url() { echo "rabbit://openstack:$PASSWORD@127.0.0.1:$QUEUE_PORT/"; }

# $1: user of the project `service`. Prints the lines of a configuration's section by which a service logs in.
service_login() {
  printf '%s\n' "auth_url = $KEYSTONE" "www_authenticate_uri = $KEYSTONE" "auth_type = password" "username = $1" \
    "password = $PASSWORD" "user_domain_name = Default" "project_name = service" "project_domain_name = Default" \
    "region_name = RegionOne"
}

# $1: name, $2: port, $3: WSGI module, $4 …: environment. Serves it by uwsgi.
serve() {
  local name=$1 port=$2 module=$3 line
  shift 3
  {
    printf '%s\n' "[uwsgi]" "http-socket = 127.0.0.1:$port" "module = $module" "pythonpath = $BED/neutron_driver" \
      "master = false" "processes = 1" "threads = 4" "enable-threads = true" "need-app = true" "lazy-apps = true" \
      "die-on-term = true" "buffer-size = 65535" "add-header = Connection: close" "http-chunked-input = true" "http-raw-body = true"
    for line in "$@"; do echo "env = $line"; done
  } >"$STATE/conf/$name.uwsgi.ini"
  background "$name" "$VENV/bin/uwsgi" --ini "$STATE/conf/$name.uwsgi.ini"
}
