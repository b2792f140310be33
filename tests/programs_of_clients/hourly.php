<?php
// Order a push for every hour from START_TIME (GMT) on.
require __DIR__ . '/order.php';

place([
    'name' => 'Demo',
    'status' => 1,
    'start_time' => getenv('START_TIME') ?: '2022-01-01 12:00:00',
    'frequency' => '3600',
    'message' => GREETING,
]);
