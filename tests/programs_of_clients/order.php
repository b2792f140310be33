<?php
// How the programs beside this one place an order: HOOD_URL and HOOD_TOKEN say where and who.

function place(array $order): void
{
    $request = curl_init(getenv('HOOD_URL') . '/v1/hood/push-tasks');
    curl_setopt_array($request, [
        CURLOPT_POST => true,
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_HTTPHEADER => [
            'Content-Type: application/json',
            'Authorization: Bearer ' . getenv('HOOD_TOKEN'),
        ],
        CURLOPT_POSTFIELDS => json_encode($order, JSON_THROW_ON_ERROR),
    ]);
    $body = curl_exec($request);
    if ($body === false) {
        fwrite(STDERR, curl_error($request) . "\n");
        exit(1);
    }
    echo curl_getinfo($request, CURLINFO_RESPONSE_CODE), "\n", $body, "\n";
}

const GREETING = [
    'title' => ['en' => 'Hello from Del Systems'],
    'body' => ['en' => 'We are glad to introduce you to ocamba platform'],
    'image' => ['en' => 'https://www.ocamba.com/images/logo.png'],
    'landing_url' => 'https://www.ocamba.com/',
];
