# shellcheck shell=bash
# Names, places and messages that the test bed's commands share. Touches no network.

# 0 done, 1 something failed, 2 wrong use, 3 this machine cannot run the test bed.
readonly CANNOT_RUN=3

TESTBED=${TESTBED:-default}
CLUSTER=${CLUSTER:-testbed}
# containers: a kubelet and real pods; kwok: pretended nodes and pods, without containers.
TESTBED_TIER=${TESTBED_TIER:-containers}
# shellcheck disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/concertina
# shellcheck disable=SC2034
tools=$cache/tools
state=$cache/testbed/$TESTBED

# The same in every instance: each has a network of its own.
readonly PROMETHEUS_ADDRESS=127.0.0.1:9090

say() { printf '%s\n' "$*"; }
fail() { printf 'test bed: %s\n' "$*" >&2; exit 1; }
cannot_run() { printf 'test bed: cannot run here: %s\n' "$*" >&2; exit "$CANNOT_RUN"; }
usage() { printf 'usage: %s\n' "$*" >&2; exit 2; }

[[ $TESTBED =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] ||
	usage "TESTBED is a name of at most 32 lower-case letters, digits and dashes, not \"$TESTBED\""
[[ $TESTBED_TIER == containers || $TESTBED_TIER == kwok ]] ||
	usage "TESTBED_TIER is containers or kwok, not \"$TESTBED_TIER\""
[[ $CLUSTER == testbed || $CLUSTER == current ]] ||
	usage "CLUSTER is testbed or current, not \"$CLUSTER\""
[[ -z ${AUDIT:-} || ( $AUDIT == /* && -d $AUDIT ) ]] ||
	usage "AUDIT is a directory that is there, as an absolute path, not \"$AUDIT\""

# Cgroups are the one thing that instances share, so the name says whose they are:
# two users may both have a "default".
cgroup_name() { printf 'concertina-%s-%s' "$TESTBED" "$(printf %s "$state" | sha256sum | cut -c1-8)"; }

# The directories that hold an instance's cgroups: one per controller in cgroup v1.
cgroup_directories() {
	local name mount
	name=$(cgroup_name)
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		printf '/sys/fs/cgroup/%s\n' "$name"
	else
		for mount in /sys/fs/cgroup/*/; do
			# cpu and cpuacct are links where the two are mounted together.
			[[ -L ${mount%/} ]] || printf '%s%s\n' "$mount" "$name"
		done
	fi
}

# When a process started, in clock ticks since boot; fails if it is gone or a
# zombie. With it a process id that was given to another process is told apart.
start_time() {
	local line
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	local -a field
	read -ra field <<<"${line##*) }"
	[[ ${field[0]} != Z && ${field[0]} != X ]] && printf '%s' "${field[19]}"
}

# The process id of the instance's first process, if it lives. All the others, and
# all mounts and the network, end with it.
first_process() {
	local pid start
	{ read -r pid start <"$state/first-process"; } 2>/dev/null || return 1
	[[ $(start_time "$pid") == "$start" ]] && printf '%s' "$pid"
}

# Commands in the instance's network, with the files and processes of the caller.
in_network() { local pid; pid=$(first_process) && nsenter --target "$pid" --net -- "$@"; }
# Commands that need the instance's own files, such as containerd's socket.
inside() { local pid; pid=$(first_process) && nsenter --target "$pid" --net --mount --pid -- "$@"; }

kubectl() { in_network "$state/bin/kubectl" --kubeconfig "$state/kubeconfig" "$@"; }

# The tier of the instance that is there; how it was started, not what is asked for now.
tier() { cat "$state/tier" 2>/dev/null || printf %s "$TESTBED_TIER"; }

# Where there are no controllers that make pods, there is no scheduler either.
has_scheduler() { [[ $(tier) == containers || $(cat "$state/controllers" 2>/dev/null) == *replicaset* ]]; }

# The parts and where each says that it is well.
health_checks() {
	cat <<-END
		etcd http://127.0.0.1:2379/health
		apiserver https://127.0.0.1:6443/readyz
		controller-manager https://127.0.0.1:10257/healthz
		prometheus http://$PROMETHEUS_ADDRESS/-/ready
	END
	! has_scheduler || say "scheduler https://127.0.0.1:10259/readyz"
	if [[ $(tier) == kwok ]]; then
		say "kwok http://127.0.0.1:10247/healthz"
	else
		say "kubelet http://127.0.0.1:10248/healthz"
		say "proxy http://127.0.0.1:10256/healthz"
	fi
}

# The name of the instance's node.
node() { if [[ $(tier) == kwok ]]; then printf kwok; else printf testbed; fi; }

# The names of the parts that are not well, one a line; containerd counts as well
# when the node, whose state follows it, is ready.
unwell() {
	local name url
	first_process >/dev/null || { say everything; return; }
	while read -r name url; do
		in_network curl --silent --fail --insecure --max-time 5 --output /dev/null "$url" || say "$name"
	done < <(health_checks)
	[[ $(tier) == kwok ]] || inside /run/bin/ctr --connect-timeout 5s version >/dev/null 2>&1 || say containerd
	[[ $(kubectl get node "$(node)" --request-timeout 5s \
		-o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]] || say node
}

# Ends the instance, whatever state it is in, and removes what is left of it.
end_instance() {
	local pid directory i
	if pid=$(first_process); then
		kill -KILL "$pid" 2>/dev/null || true
		# Its end is the end of every process in there; wait until it is complete.
		for ((i = 0; i < 200; i++)); do
			[[ -e /proc/$pid ]] || break
			sleep 0.05
		done
		[[ ! -e /proc/$pid ]] || fail "process $pid does not end"
	fi
	while read -r directory; do
		# Emptied groups may be busy for a moment longer.
		for ((i = 0; i < 40; i++)); do
			[[ -d $directory ]] || break
			find "$directory" -depth -type d -exec rmdir {} \; 2>/dev/null || true
			[[ ! -d $directory ]] || sleep 0.05
		done
		[[ ! -d $directory ]] || say "left behind: $directory"
	done < <(cgroup_directories)
	rm -rf "$state"
}
