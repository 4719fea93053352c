#!/usr/bin/env bash
# Reach a cluster from a workflow without a stored key: the API server trusts the workflow's own identity (OIDC), for minutes.
#
#   cluster-access.sh kubeconfig CONTEXT   print a kubeconfig; needs CLUSTER_SERVER (URL) and CLUSTER_CA (PEM)
#   cluster-access.sh credential           what that kubeconfig calls whenever it needs a fresh token
#
# The cluster's side: structured authentication with the issuer https://token.actions.githubusercontent.com and the audience below.
set -euo pipefail

audience=kubernetes

case "${1:-}" in
kubeconfig)
    : "${CLUSTER_SERVER:?set the variable CLUSTER_SERVER in the environment\'s settings}"
    : "${CLUSTER_CA:?set the variable CLUSTER_CA in the environment\'s settings}"
    jq -n --arg context "${2:?name the context}" --arg server "$CLUSTER_SERVER" --arg ca "$(base64 -w0 <<<"$CLUSTER_CA")" --arg self "$(realpath "$0")" '{
        apiVersion: "v1", kind: "Config", "current-context": "",
        clusters: [{name: $context, cluster: {server: $server, "certificate-authority-data": $ca}}],
        users: [{name: $context, user: {exec: {apiVersion: "client.authentication.k8s.io/v1", command: $self, args: ["credential"], interactiveMode: "Never"}}}],
        contexts: [{name: $context, context: {cluster: $context, user: $context}}]
    }'
    ;;
credential)
    curl --silent --show-error --fail --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
        "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$audience" |
        jq '{apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: {
            token: .value,
            expirationTimestamp: (.value | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .exp | todate)}}'
    ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
