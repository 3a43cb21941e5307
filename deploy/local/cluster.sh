#!/usr/bin/env bash
# The split deployment on loopback: 3 consensus, 2 tree stores, 2 session trackers, 2 gateways, each a process.
#
#   cluster.sh up | down | status | start NAME | stop NAME | kill NAME
#
# NAME is <component>-<n>, such as consensus-1. Everything is in one directory: the data of NAME in DIR/NAME, its
# output in DIR/NAME.log, its process id in DIR/NAME.pid. `kill` is kill -9.
#
#   CLUSTER_DIR        that directory                                      ./data/cluster
#   MENAGERIE_BIN      the program                                         target/release/menagerie
#   CLUSTER_PORT_BASE  internal ports are this plus 1 to 52                7100
#   GATEWAY_1_CLIENT   address of gateway-1 for ZooKeeper clients          127.0.0.1:2181
#   GATEWAY_1_GRPC     and for gRPC clients                                127.0.0.1:2182
#   GATEWAY_2_CLIENT, GATEWAY_2_GRPC                                       127.0.0.1:2191, 127.0.0.1:2192
#   CLUSTER_TIMEOUT    seconds that `up` waits for both gateways to serve  60
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=${CLUSTER_DIR:-./data/cluster}
bin=${MENAGERIE_BIN:-$root/target/release/menagerie}
base=${CLUSTER_PORT_BASE:-7100}
timeout=${CLUSTER_TIMEOUT:-60}
stop_seconds=15

names=(consensus-1 consensus-2 consensus-3 tree-store-1 tree-store-2 session-tracker-1 session-tracker-2
  gateway-1 gateway-2)

fail() {
  printf 'cluster.sh: %s\n' "$*" >&2
  exit 1
}

usage() {
  sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# ---- who listens where ---------------------------------------------------------------------------------------

# internal_port NAME
internal_port() {
  local n=${1##*-}
  case ${1%-*} in
    consensus) echo $((base + n)) ;;
    tree-store) echo $((base + 10 + n)) ;;
    session-tracker) echo $((base + 20 + n)) ;;
    gateway) echo $((base + 30 + n)) ;;
  esac
}

# Nine processes need nine admin ports: consensus 41 to 43, stores 44 and 45, trackers 47 and 48, gateways 51 and 52.
# admin_port NAME
admin_port() {
  local n=${1##*-}
  case ${1%-*} in
    consensus) echo $((base + 40 + n)) ;;
    tree-store) echo $((base + 43 + n)) ;;
    session-tracker) echo $((base + 46 + n)) ;;
    gateway) echo $((base + 50 + n)) ;;
  esac
}

# client_address NAME, grpc_address NAME: of a gateway
client_address() {
  case $1 in
    gateway-1) echo "${GATEWAY_1_CLIENT:-127.0.0.1:2181}" ;;
    gateway-2) echo "${GATEWAY_2_CLIENT:-127.0.0.1:2191}" ;;
  esac
}
grpc_address() {
  case $1 in
    gateway-1) echo "${GATEWAY_1_GRPC:-127.0.0.1:2182}" ;;
    gateway-2) echo "${GATEWAY_2_GRPC:-127.0.0.1:2192}" ;;
  esac
}

# addresses NAME: all that it listens on
addresses() {
  echo "127.0.0.1:$(internal_port "$1")"
  echo "127.0.0.1:$(admin_port "$1")"
  if [[ $1 == gateway-* ]]; then
    client_address "$1"
    grpc_address "$1"
  fi
}

# members COMPONENT: 1=host:port,2=host:port,...
members() {
  local name list=
  for name in "${names[@]}"; do
    if [[ ${name%-*} == "$1" ]]; then
      list+=",${name##*-}=127.0.0.1:$(internal_port "$name")"
    fi
  done
  echo "${list#,}"
}

# command_of NAME: sets the array `words`
command_of() {
  words=("$bin" "${1%-*}" --id "${1##*-}" --listen "127.0.0.1:$(internal_port "$1")"
    --admin-addr "127.0.0.1:$(admin_port "$1")")
  case ${1%-*} in
    consensus)
      words+=(--data-dir "$dir/$1" --peers "$(members consensus)")
      ;;
    tree-store)
      words+=(--data-dir "$dir/$1" --consensus "$(members consensus)" --stores "$(members tree-store)")
      ;;
    session-tracker)
      words+=(--consensus "$(members consensus)" --stores "$(members tree-store)")
      ;;
    gateway)
      words+=(--consensus "$(members consensus)" --stores "$(members tree-store)")
      words+=(--trackers "$(members session-tracker)")
      words+=(--client-addr "$(client_address "$1")" --grpc-addr "$(grpc_address "$1")")
      ;;
  esac
}

# ---- processes -----------------------------------------------------------------------------------------------

# pid_of NAME: prints its process id; fails unless it runs
pid_of() {
  local pid state living
  [[ -f $dir/$1.pid ]] || return 1
  read -r pid <"$dir/$1.pid" || return 1
  kill -0 "$pid" 2>/dev/null || return 1
  if [[ -r /proc/$pid/cmdline ]]; then
    # The last of its threads to end gives its ports back, and it may outlive the first, which then waits to be collected.
    living=$(cat "/proc/$pid"/task/*/stat 2>/dev/null | sed 's/.*) //' | grep -cv '^Z') || return 1
    state=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) || return 1
    # A number may be given out again.
    [[ $state == Z* && $living -gt 0 ]] ||
      tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qFx "127.0.0.1:$(internal_port "$1")" || return 1
  fi
  echo "$pid"
}

is_running() {
  pid_of "$1" >/dev/null
}

# is_taken HOST:PORT
is_taken() {
  (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null
}

check_program() {
  [[ -x $bin ]] || fail "there is no program $bin; build it (cargo build --release -p menagerie) or set MENAGERIE_BIN"
}

# check_ports NAME
check_ports() {
  local address
  while read -r address; do
    if is_taken "$address"; then
      fail "$1 cannot listen on $address: the port is taken; free it, or see CLUSTER_PORT_BASE and GATEWAY_N_CLIENT"
    fi
  done < <(addresses "$1")
}

start() {
  local words
  if is_running "$1"; then
    echo "$1 runs already (process $(pid_of "$1"))"
    return
  fi
  check_program
  check_ports "$1"
  command_of "$1"
  nohup "${words[@]}" >>"$dir/$1.log" 2>&1 </dev/null &
  echo $! >"$dir/$1.pid"
}

# signal SIGNAL NAME
signal() {
  local pid
  if pid=$(pid_of "$2"); then
    kill "-$1" "$pid" 2>/dev/null || true
  fi
}

# await_end NAME: kills it if it does not end in time
await_end() {
  local end=$((SECONDS + stop_seconds))
  while is_running "$1"; do
    if ((SECONDS >= end)); then
      echo "$1 did not stop within $stop_seconds s: killing it"
      signal KILL "$1"
      end=$((SECONDS + stop_seconds))
    fi
    sleep 0.05
  done
  rm -f "$dir/$1.pid"
}

# ---- verbs ---------------------------------------------------------------------------------------------------

# get NAME PATH: the status line of its admin server
get() {
  local line=
  {
    exec 3<>"/dev/tcp/127.0.0.1/$(admin_port "$1")" || return 1
    printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
    read -r -t 2 line <&3 || true
    exec 3>&-
  } 2>/dev/null
  printf '%s' "$line"
}

# says_ok NAME: the four-letter word of a gateway
says_ok() {
  local address reply=
  address=$(client_address "$1")
  {
    exec 3<>"/dev/tcp/${address%:*}/${address##*:}" || return 1
    printf 'ruok' >&3
    read -r -t 2 -N 4 reply <&3 || true
    exec 3>&-
  } 2>/dev/null
  [[ $reply == imok ]]
}

# serves NAME, in a process of its own: a refused connection must not end this one
serves() {
  ( [[ $(get "$1" /readyz) == *" 200 "* ]] && says_ok "$1" ) 2>/dev/null
}

check_alive() {
  local name
  for name in "${names[@]}"; do
    if ! is_running "$name"; then
      echo >&2
      tail -n 5 "$dir/$name.log" >&2 || true
      fail "$name has ended; its output is in $dir/$name.log"
    fi
  done
}

await_gateways() {
  local waiting=(gateway-1 gateway-2) left name began=$SECONDS
  while ((${#waiting[@]})); do
    left=()
    for name in "${waiting[@]}"; do
      serves "$name" || left+=("$name")
    done
    waiting=("${left[@]}")
    ((${#waiting[@]})) || break
    check_alive
    if ((SECONDS - began >= timeout)); then
      echo >&2
      fail "not serving after $timeout s: ${waiting[*]}; look at $dir/*.log"
    fi
    progress "waiting for ${waiting[*]} ($((SECONDS - began)) s)"
    sleep 0.1
  done
  progress ''
}

# One line that is written over; nothing where nobody watches.
progress() {
  if [[ -t 1 ]]; then
    printf '\r\e[K%s' "$1"
  fi
}

up() {
  local name
  check_program
  mkdir -p "$dir"
  for name in "${names[@]}"; do
    is_running "$name" || check_ports "$name"
  done
  for name in "${names[@]}"; do
    start "$name"
  done
  await_gateways
  echo "serving: client $(client_address gateway-1) and $(client_address gateway-2)," \
    "grpc $(grpc_address gateway-1) and $(grpc_address gateway-2); logs in $dir"
}

# Those that depend on others first: each can still tell the others that it goes.
down() {
  local component name
  for component in gateway session-tracker tree-store consensus; do
    for name in "${names[@]}"; do
      [[ ${name%-*} != "$component" ]] || signal TERM "$name"
    done
    for name in "${names[@]}"; do
      [[ ${name%-*} != "$component" ]] || await_end "$name"
    done
  done
}

status() {
  local name pid ready all=0
  printf '%-18s %-8s %-10s %s\n' NAME PID STATE ADDRESSES
  for name in "${names[@]}"; do
    if pid=$(pid_of "$name"); then
      ready=starting
      [[ $( (get "$name" /readyz) 2>/dev/null) != *" 200 "* ]] || ready=ready
    else
      pid=-
      ready=stopped
    fi
    [[ $ready == ready ]] || all=1
    printf '%-18s %-8s %-10s %s\n' "$name" "$pid" "$ready" "$(addresses "$name" | tr '\n' ' ')"
  done
  return "$all"
}

known() {
  local name
  for name in "${names[@]}"; do
    [[ $name != "${1:-}" ]] || return 0
  done
  fail "no component '${1:-}'; there are ${names[*]}"
}

case ${1:-} in
  up | down | status) (($# == 1)) || usage ;;
  start | stop | kill) (($# == 2)) || usage ;;
  *) usage ;;
esac
case $1 in
  up) up ;;
  down) down ;;
  status) status ;;
  start)
    known "$2"
    mkdir -p "$dir"
    start "$2"
    ;;
  stop)
    known "$2"
    signal TERM "$2"
    await_end "$2"
    ;;
  kill)
    known "$2"
    signal KILL "$2"
    await_end "$2"
    ;;
esac
