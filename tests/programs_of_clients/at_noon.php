<?php
// Order a push for noon on Mondays and Fridays that wakes nobody at night.
require __DIR__ . '/order.php';

place([
    'name' => 'Demo',
    'status' => 1,
    'start_time' => 'immediately',
    'cron' => '0 12 * * 1,5',
    'quiet_time' => ['from' => '0', 'to' => '4'],
    'message' => GREETING,
]);
