#!/bin/sh
# Installs joinbot, the agent of Join Broker, on Linux with systemd, from the broker that it will join:
#
#   curl -fsS @BROKER@/scripts/install.sh | sudo sh
#   curl -fsS @BROKER@/scripts/install.sh | sudo sh -s -- --joinctl @VERSION@
#
# Arguments, all optional: --joinctl (the operators' tool too), the version that is expected, the edition of the guides.
# Run it again for a newer version; where nothing is new, nothing is changed. It starts nothing.
# JOINBOT_ROOT=<folder> installs below that folder, for an image. Run it on the machine again: it makes user and directories.
#
# The braces make the shell read to the end before it runs anything: half a download does nothing.
{
set -eu

broker='@BROKER@'
version='@VERSION@'
joinbot_sha256='@JOINBOT_SHA256@'
joinctl_sha256='@JOINCTL_SHA256@'

oldest_node=20
most_bytes=16777216
root=${JOINBOT_ROOT:-}
programs=/usr/local/lib/join-broker
units=/etc/systemd/system

main() {
  with_joinctl=
  read_arguments "$@"
  check_machine
  umask 022
  changed=
  unit_changed=
  pending=
  work=$(mktemp -d)
  trap 'rm -rf "$work" ${pending:+"$pending"}' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM

  # Everything is downloaded and checked before anything is installed.
  fetch_program joinbot "$joinbot_sha256"
  if [ -n "$with_joinctl" ]; then fetch_program joinctl "$joinctl_sha256"; fi

  install_program joinbot
  if [ -n "$with_joinctl" ]; then install_program joinctl; fi
  if [ -z "$root" ]; then
    make_user
    make_directory /var/lib/joinbot
    make_directory /opt/machine-id
  fi
  install_unit joinbot
  install_unit joinbot-node
  if [ -n "$unit_changed" ] && [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
  say_what_is_next
}

read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --joinctl) with_joinctl=yes ;;
      --) ;;
      -*) fail "unknown option $1: expected --joinctl, or none" ;;
      oss | enterprise | cloud) say "There is one edition of joinbot: $1 makes no difference." ;;
      "$version") ;;
      *) fail "this broker has version $version, and installs no other: expected $version or nothing, got $1" ;;
    esac
    shift
  done
}

check_machine() {
  [ "$(uname -s)" = Linux ] || fail 'expected Linux'
  case $root in
    '') [ "$(id -u)" = 0 ] || fail 'only root may install: run it with sudo' ;;
    /*) [ -d "$root" ] || fail "JOINBOT_ROOT: there is no folder $root" ;;
    *) fail 'JOINBOT_ROOT: expected an absolute path' ;;
  esac
  command -v sha256sum > /dev/null || fail 'sha256sum is missing: install coreutils'
  check_node
}

check_node() {
  how="install Node.js $oldest_node or later for all users, with apt-get, dnf or zypper (package nodejs) or from https://nodejs.org/en/download"
  node=$(command -v node) || fail "there is no node among root's programs ($PATH): $how"
  case $node in
    *\'*) fail "$node has a quote in its path: $how" ;;
    /*) ;;
    *) fail "$node is not an absolute path: take relative folders out of PATH" ;;
  esac
  found=$("$node" --version) || fail "$node does not run: $how"
  major=${found#v}
  major=${major%%.*}
  case $major in
    '' | *[!0-9]*) fail "$node does not tell its version: $how" ;;
  esac
  [ "$major" -ge "$oldest_node" ] || fail "$node is version $found: $how"
  # The service sees no home directories.
  case $(readlink -f "$node") in
    /root/* | /home/*) [ -n "$root" ] || fail "$node is in a home directory, which the service can't read: $how" ;;
  esac
}

# Leaves the program in $work, unless the very same is installed.
fetch_program() {
  if [ -f "$root$programs/$1.cjs" ] && [ "$(sha256_of "$root$programs/$1.cjs")" = "$2" ]; then return; fi
  say "Downloading $1 $version from $broker"
  download "$broker/scripts/$1.cjs" "$work/$1.cjs" || fail "can't download $broker/scripts/$1.cjs; nothing was changed"
  [ "$(sha256_of "$work/$1.cjs")" = "$2" ] ||
    fail "what $broker sent as $1 is not version $version (its SHA-256 differs); nothing was changed: try again in a minute"
}

download() {
  if command -v curl > /dev/null; then
    curl -fsS --proto "=${broker%%:*}" --max-time 300 --max-filesize "$most_bytes" -o "$2" "$1"
  elif command -v wget > /dev/null; then
    wget -q -T 60 -O "$2" "$1"
  else
    fail 'curl or wget is missing: install one of them'
  fi
}

install_program() {
  if [ -f "$work/$1.cjs" ]; then place "$work/$1.cjs" "$programs/$1.cjs" 0644; fi
  wrapper "$1" > "$work/$1"
  place "$work/$1" "/usr/local/bin/$1" 0755
}

# What the environment could make Node.js do to a program with secrets (load code, log traffic, trust anybody) is left out.
wrapper() {
  cat << END
#!/bin/sh
# $1 of Join Broker, made by its install script.
unset NODE_OPTIONS NODE_PATH NODE_DEBUG NODE_DEBUG_NATIVE NODE_V8_COVERAGE NODE_TLS_REJECT_UNAUTHORIZED
exec '$node' $programs/$1.cjs "\$@"
END
}

make_user() {
  if id -u joinbot > /dev/null 2>&1; then return; fi
  useradd --system --user-group --no-create-home --home-dir /var/lib/joinbot --shell /usr/sbin/nologin joinbot ||
    fail "can't make the user joinbot"
  changed=yes
  say 'Made the user joinbot'
}

# One that is there already stays as it is.
make_directory() {
  if [ -d "$1" ]; then return; fi
  mkdir -p "${1%/*}"
  mkdir -m 0700 "$1"
  chown joinbot:joinbot "$1"
  changed=yes
  say "Made $1"
}

# Beside the programs is a copy of the unit as it was made here: if the one in use differs from it, somebody changed that.
install_unit() {
  made="$root$programs/$1.service"
  used="$root$units/$1.service"
  unit_text "$1" > "$work/$1.service"
  if [ ! -e "$used" ] && [ ! -L "$used" ] || { [ -f "$made" ] && same "$made" "$used"; }; then
    place "$work/$1.service" "$units/$1.service" 0644
    unit_changed=$unit_changed$placed
  elif ! same "$work/$1.service" "$used"; then
    say "$used was changed by somebody and stays as it is; the one of this version is $made"
  fi
  place "$work/$1.service" "$programs/$1.service" 0644
}

unit_text() {
  case $1 in
    joinbot) cat << 'END' ;;
@UNIT_OF_BOT@
END
    joinbot-node) cat << 'END' ;;
@UNIT_OF_HOST@
END
  esac
}

# place FROM PATH MODE: the file appears whole or not at all; one that is the same stays untouched.
place() {
  placed=
  target="$root$2"
  if [ -f "$target" ] && same "$1" "$target"; then return; fi
  [ ! -d "$target" ] || fail "$target is a directory: move it away"
  mkdir -p "${target%/*}"
  pending=$(mktemp "${target%/*}/.join-broker.XXXXXX")
  cat "$1" > "$pending"
  chmod "$3" "$pending"
  mv -f "$pending" "$target"
  pending=
  changed=yes
  placed=yes
  say "Installed $target"
}

say_what_is_next() {
  running=
  if [ -z "$changed" ]; then
    say "joinbot $version was installed already: nothing was changed."
    return
  fi
  say "joinbot $version is installed."
  if [ -n "$root" ]; then return; fi
  for service in joinbot joinbot-node; do
    if [ -d /run/systemd/system ] && systemctl is-active --quiet "$service"; then
      say "It runs, and still as it was: systemctl restart $service"
      running=yes
    fi
  done
  if [ -n "$running" ]; then return; fi
  say "
Next:
  1. Make /etc/joinbot.yaml, for nobody but root and the agent to read:
       install -m 0640 -o root -g joinbot /dev/null /etc/joinbot.yaml
     Write it, with proxy_server: $broker
     The CA pins and audiences for it: curl -fsS $broker/v1/webapi/ping
  2. Start it, now and with the machine: systemctl enable --now joinbot
     What it says: journalctl -u joinbot
  It writes to /opt/machine-id and /var/lib/joinbot. For another folder: make it, chown it to joinbot, and add
     [Service]
     ReadWritePaths=/that/folder
     with: systemctl edit joinbot
For a host (a Node, for its sshd) instead:
  1. Write /etc/teleport.yaml, with proxy_server: $broker
  2. Start it, now and with the machine: systemctl enable --now joinbot-node
  3. Let sshd use its certificate: joinbot install sshd --write"
}

sha256_of() { sha256sum < "$1" | cut -d ' ' -f 1; }
same() { [ "$(sha256_of "$1")" = "$(sha256_of "$2")" ]; }
say() { printf '%s\n' "$1"; }

fail() {
  printf 'Not installed: %s.\n' "$1" >&2
  exit 1
}

main "$@"
exit
}
