#!/usr/bin/env bash
# Order a push for every hour from a date on. Prints status and body.
# HOOD_URL, HOOD_TOKEN: where the API is and who asks. START_TIME: the first hour, GMT.
set -euo pipefail

order=$(printf '{"name": "Demo", "status": 1, "frequency": "3600", "start_time": "%s", "message": %s}' \
    "${START_TIME:-2022-01-01 12:00:00}" \
    '{"landing_url": "https://www.ocamba.com/",
      "title": {"en": "Hello from Del Systems"},
      "body": {"en": "We are glad to introduce you to ocamba platform"},
      "image": {"en": "https://www.ocamba.com/images/logo.png"}}')

answer=$(curl --silent --show-error --request POST "$HOOD_URL/v1/hood/push-tasks" \
    --header "Authorization: Bearer $HOOD_TOKEN" --header "Content-Type: application/json" \
    --data "$order" --write-out '\n%{http_code}')
printf '%s\n%s\n' "${answer##*$'\n'}" "${answer%$'\n'*}"
