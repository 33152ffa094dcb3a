#!/bin/sh
# Tests the deployed instance that TOWPATH_URL names.
set -eu
cd "$(dirname "$0")/.."
: "${TOWPATH_URL:?must name the instance to test, such as http://127.0.0.1:8080}"
exec cargo test --release --locked --target-dir target --test it -- deployed
