#!/usr/bin/env bash
# Order a daily push whose message is drawn from a demand source. Prints status and body.
# HOOD_URL, HOOD_TOKEN: where the API is and who asks.
set -euo pipefail

shown='{"title": "Important Update Available",
  "body": "Please check your app for the latest updates and features.",
  "landing_url": "https://example.com/landing/notification",
  "image": "https://example.com/images/notification-banner.jpg",
  "icon": "https://example.com/icons/app-icon.png",
  "badge": "https://example.com/badges/notification-badge.png",
  "tag": "urgent-update", "vibration": "100,100",
  "require_interaction": "1", "renotify": "0", "silent": "0",
  "actions": [
    {"title": "View Details", "icon": "https://example.com/icons/action-icon.png",
     "url": "https://example.com/action/learn-more"},
    {"title": "Dismiss", "icon": null, "url": null}]}'
source='"zone_id": 3002371, "account_id": 123456, "campaign_id": ["1011086"], "group_id": ["1723"],
  "default_campaign_id": 1011086, "number_of_messages": 1, "repeat_on_click": 0'
order='{"name": "Demo", "status": 1, "start_time": "immediately",
  "frequency": "86400", "ttl": "3600", "user_time_zone": "0", "total_user": "0",
  "targeting": {"users": {"op": "include", "items": ["16601317995517219702"]}},
  "adex": {'"$source"', "fallback_message": '"$shown"'}}'

answer=$(curl --silent --show-error --request POST "$HOOD_URL/v1/hood/push-tasks" \
    --header "Authorization: Bearer $HOOD_TOKEN" --header "Content-Type: application/json" \
    --data "$order" --write-out '\n%{http_code}')
printf '%s\n%s\n' "${answer##*$'\n'}" "${answer%$'\n'*}"
