<?php
// Order a daily push whose message is drawn from a demand source.
require __DIR__ . '/order.php';

const FILES = 'https://example.com';

place([
    'name' => 'Demo',
    'status' => 1,
    'start_time' => 'immediately',
    'frequency' => '86400',
    'ttl' => '3600',
    'user_time_zone' => '0',
    'total_user' => '0',
    'targeting' => ['users' => ['op' => 'include', 'items' => ['16601317995517219702']]],
    'adex' => [
        'zone_id' => 3002371,
        'account_id' => 123456,
        'campaign_id' => ['1011086'],
        'default_campaign_id' => 1011086,
        'group_id' => ['1723'],
        'number_of_messages' => 1,
        'repeat_on_click' => 0,
        'fallback_message' => [
            'title' => 'Important Update Available',
            'body' => 'Please check your app for the latest updates and features.',
            'image' => FILES . '/images/notification-banner.jpg',
            'icon' => FILES . '/icons/app-icon.png',
            'badge' => FILES . '/badges/notification-badge.png',
            'landing_url' => FILES . '/landing/notification',
            'tag' => 'urgent-update',
            'vibration' => '100,100',
            'require_interaction' => '1',
            'renotify' => '0',
            'silent' => '0',
            'actions' => [
                [
                    'title' => 'View Details',
                    'icon' => FILES . '/icons/action-icon.png',
                    'url' => FILES . '/action/learn-more',
                ],
                ['title' => 'Dismiss', 'icon' => null, 'url' => null],
            ],
        ],
    ],
]);
