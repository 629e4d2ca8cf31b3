#!/usr/bin/env bash
# The tenant scenario, start to end, against a running cluster: a team works in namespace "dev" and nowhere else.
#
#   make up && examples/dev-tenant.sh
#
# IMAGE names the image of the team's workload; it must have a shell.  SHORT=1 leaves out the part that stops a node.
set -euo pipefail
cd "$(dirname "$0")"

image=${IMAGE:-busybox:1.36}
berth=${BERTH:-../.venv/bin/berth}
home=${BERTH_HOME:-$HOME/.berth}
kubectl=${KUBECTL:-kubectl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
admin() { "$kubectl" --kubeconfig "$home/admin.kubeconfig" "$@"; }
user() { "$kubectl" --kubeconfig "$work/user.kubeconfig" "$@"; }
monitor() { "$kubectl" --kubeconfig "$work/monitor.kubeconfig" "$@"; }
tina() { "$kubectl" --kubeconfig "$work/tina.kubeconfig" "$@"; }
wait_until() { # SECONDS COMMAND...: until the command succeeds
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "not in time: $*"
    sleep 0.2
  done
}
refused() { # TEXT COMMAND...: the command fails, and says so in these words
  local text=$1; shift
  if "$@" >"$work/out" 2>&1; then fail "was allowed: $*"; fi
  grep -qF -- "$text" "$work/out" || fail "$* was refused in other words: $(cat "$work/out")"
}
ready_pods() { user get pods -l app=web -o jsonpath='{range .items[*]}{.metadata.deletionTimestamp}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -cx True; }
has_ready() { [ "$(ready_pods)" -eq "$1" ]; }
restarts() { user get pod "$1" -o jsonpath='{.status.containerStatuses[0].restartCount}'; }
restarted() { [ "$(restarts "$1")" -ge "$2" ]; }
node_of() { user get pod "$1" -o jsonpath='{.spec.nodeName}'; }
is_ready() { [ "$(admin get node "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" = "$2" ]; }

say "the administrator makes the tenant and issues kubeconfigs"
admin apply -f dev-tenant.yaml
"$berth" kubeconfig create user -n dev >"$work/user.kubeconfig"
"$berth" kubeconfig create monitor -n dev >"$work/monitor.kubeconfig"
"$berth" kubeconfig create tina --user --group ops >"$work/tina.kubeconfig"
tina auth whoami | grep >/dev/null ops || fail "tina's certificate does not carry her group"
refused 'pods is forbidden: User "tina" cannot list resource "pods" in API group "" in the namespace "dev"' tina get pods -n dev

say "user deploys two replicas, one on each node"
cat >"$work/web.yaml" <<YAML
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: $image
          imagePullPolicy: IfNotPresent
          command: [sh, -c, 'trap exit TERM; echo "hello from \$HOSTNAME"; while true; do sleep 1; date; done']
YAML
user apply -f "$work/web.yaml"
user rollout status deployment/web --timeout=120s
user get pods -o wide
[ "$(user get pods -l app=web -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | wc -l)" -eq 2 ] || fail "the replicas share a node"
pod=$(user get pods -l app=web -o jsonpath='{.items[0].metadata.name}')
user describe deployment web | grep >/dev/null 'Scaled up replica set' || fail "describe shows no scaling event"
user describe pod "$pod" | grep >/dev/null 'Started' || fail "describe shows no event of the container's start"

say "logs -f, exec, exec -it"
(timeout 20 "$kubectl" --kubeconfig "$work/user.kubeconfig" logs -f "$pod" || true) | grep -m1 "hello from" >/dev/null || fail "logs -f shows nothing"
[ "$(user exec "$pod" -- sh -c 'echo out; exit 0')" = out ] || fail "exec"
if user exec "$pod" -- sh -c 'exit 7'; then fail "exec hides an exit code"; else [ $? -eq 7 ] || fail "exec changes an exit code"; fi
script -qec "'$kubectl' --kubeconfig '$work/user.kubeconfig' exec -it '$pod' -- sh -c 'test -t 0 && echo a terminal'" /dev/null | grep >/dev/null 'a terminal' || fail "exec -it"

say "elsewhere, user may do nothing"
for ns in default kube-system; do
  refused "pods is forbidden: User \"system:serviceaccount:dev:user\" cannot list resource \"pods\" in API group \"\" in the namespace \"$ns\"" user get pods -n "$ns"
  refused "deployments.apps is forbidden: User \"system:serviceaccount:dev:user\" cannot create resource \"deployments\" in API group \"apps\" in the namespace \"$ns\"" user create deployment x --image=x -n "$ns"
done
refused 'nodes is forbidden: User "system:serviceaccount:dev:user" cannot list resource "nodes" in API group "" at the cluster scope' user get nodes

say "monitor reads in dev, and no more"
monitor get pods,deployments,replicasets
monitor logs "$pod" --tail=1
refused "pods \"$pod\" is forbidden: User \"system:serviceaccount:dev:monitor\" cannot delete resource \"pods\" in API group \"\" in the namespace \"dev\"" monitor delete pod "$pod"
refused 'deployments.apps is forbidden: User "system:serviceaccount:dev:monitor" cannot create resource "deployments"' monitor create deployment x --image=x
refused 'cannot create resource "pods/exec" in API group "" in the namespace "dev"' monitor exec "$pod" -- true
refused 'cannot list resource "pods" in API group "" in the namespace "default"' monitor get pods -n default

say "scale, replace, restart"
user scale deployment web --replicas=3
user rollout status deployment/web --timeout=60s
user scale deployment web --replicas=2
wait_until 60 has_ready 2
pod=$(user get pods -l app=web -o jsonpath='{.items[0].metadata.name}')
user delete pod "$pod" --wait=true
wait_until 60 has_ready 2
if user get pod "$pod" >/dev/null 2>&1; then fail "the deleted pod is still there"; fi
pod=$(user get pods -l app=web -o jsonpath='{.items[0].metadata.name}')
user exec "$pod" -- kill -TERM 1
wait_until 60 restarted "$pod" 1
wait_until 60 has_ready 2
echo "restarts of $pod: $(restarts "$pod")"

if [ -z "${SHORT:-}" ]; then
  node=$(node_of "$pod")
  say "node $node stops: its pods come up on the other"
  "$berth" node stop "$node"
  wait_until "${GRACE:-90}" is_ready "$node" Unknown
  other_has_both() { [ "$(user get pods -l app=web --field-selector "spec.nodeName!=$node" -o jsonpath='{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -cx True)" -eq 2 ]; }
  wait_until "${TOLERATION:-420}" other_has_both
  admin get nodes
  user get pods -o wide
  "$berth" node start "$node"
  is_ready "$node" True || fail "the node is not ready again"
fi

say "kubeconfigs are taken back: the next request is refused"
"$berth" kubeconfig list -A
"$berth" kubeconfig revoke monitor -n dev
refused 'You must be logged in to the server' monitor get pods
"$berth" kubeconfig revoke tina --delete
refused 'You must be logged in to the server' tina auth whoami

say "delete"
user delete deployment web --wait=true
no_pods() { [ -z "$(user get pods -l app=web -o name)" ]; }
wait_until 60 no_pods
admin delete -f dev-tenant.yaml --wait=true
say "the scenario has run"
