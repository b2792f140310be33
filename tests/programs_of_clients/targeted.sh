#!/usr/bin/env bash
# Order a push with two buttons for the few whom every criterion names. Prints status and body.
# HOOD_URL: where the API is, without a path. HOOD_TOKEN: a token that may write.
set -euo pipefail

read -r -d '' order <<'JSON' || true
{"name": "Demo", "status": 1, "start_time": "immediately",
 "message": {
   "title": {"en": "Hello from Del Systems"},
   "body": {"en": "We are glad to introduce you to ocamba platform"},
   "image": {"en": "https://www.ocamba.com/images/logo.png"},
   "landing_url": "https://www.ocamba.com/",
   "actions": [
     {"title": {"en": "Yes"}, "url": "https://www.youtube.com/watch?v=123", "icon": null, "action": null},
     {"title": {"en": "No"}, "url": "https://www.youtube.com/watch?v=NO", "icon": null, "action": null}]},
 "targeting": {
   "accounts": {"op": "include", "items": ["6197120"]},
   "application_groups": {"op": "include", "items": ["1383"]},
   "applications": {"op": "include", "items": ["www.ocamba.com"]},
   "apps": {"op": "include", "items": ["21050"]},
   "browsers": {"op": "include", "items": ["12"]},
   "countries": {"op": "include", "items": ["CA"]},
   "groups": {"op": "include", "items": ["481"]},
   "languages": {"op": "include", "items": ["es"]},
   "os": {"op": "include", "items": ["12"]},
   "regions": {"op": "include", "items": ["2593109", "2525468"]},
   "remote_users": {"op": "include", "items": ["Nesto Bilo Sta"]},
   "segments": {"op": "include", "items": ["2817"]},
   "subscribed_age": {"from": 1, "to": 2},
   "user_data": {
     "example1": {"op": "include", "items": ["AZ BZ"]},
     "example2": {"op": "include", "items": ["Test"]},
     "example3": {"op": "include", "items": ["Test"]}},
   "users": {"op": "include", "items": ["123123121312312"]}}}
JSON

answer=$(curl --silent --show-error --request POST "$HOOD_URL/v1/hood/push-tasks" \
    --header "Authorization: Bearer $HOOD_TOKEN" --header "Content-Type: application/json" \
    --data "$order" --write-out '\n%{http_code}')
printf '%s\n%s\n' "${answer##*$'\n'}" "${answer%$'\n'*}"
