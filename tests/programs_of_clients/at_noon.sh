#!/usr/bin/env bash
# Order a push for noon on Mondays and Fridays that wakes nobody at night. Prints status and body.
# HOOD_URL, HOOD_TOKEN: where the API is and who asks.
set -euo pipefail

answer=$(curl --silent --show-error --request POST "$HOOD_URL/v1/hood/push-tasks" \
    --header "Authorization: Bearer $HOOD_TOKEN" --header "Content-Type: application/json" \
    --data @- --write-out '\n%{http_code}' <<'JSON'
{
    "quiet_time": {"from": "0", "to": "4"},
    "cron": "0 12 * * 1,5",
    "start_time": "immediately",
    "status": 1,
    "name": "Demo",
    "message": {
        "landing_url": "https://www.ocamba.com/",
        "image": {"en": "https://www.ocamba.com/images/logo.png"},
        "body": {"en": "We are glad to introduce you to ocamba platform"},
        "title": {"en": "Hello from Del Systems"}
    }
}
JSON
)
printf '%s\n%s\n' "${answer##*$'\n'}" "${answer%$'\n'*}"
