#!/bin/sh
# Python where the machine has it, Node where not: the mesh does not care what a service is written in.
cd "$(dirname "$0")" || exit 1
if command -v python3 >/dev/null 2>&1; then exec python3 payments.py; fi
exec node payments.mjs
