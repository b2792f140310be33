// Order a daily push whose message is drawn from a demand source.
import { place } from './order.mjs';

const files = 'https://example.com';
const shown = {
    title: 'Important Update Available',
    body: 'Please check your app for the latest updates and features.',
    image: `${files}/images/notification-banner.jpg`,
    icon: `${files}/icons/app-icon.png`,
    badge: `${files}/badges/notification-badge.png`,
    landing_url: `${files}/landing/notification`,
    tag: 'urgent-update',
    vibration: [100, 100].join(),
    require_interaction: '1',
    renotify: '0',
    silent: '0',
    actions: [
        {
            title: 'View Details',
            icon: `${files}/icons/action-icon.png`,
            url: `${files}/action/learn-more`,
        },
        { title: 'Dismiss', icon: null, url: null },
    ],
};
await place({
    name: 'Demo',
    status: 1,
    start_time: 'immediately',
    frequency: '86400',
    ttl: '3600',
    user_time_zone: '0',
    total_user: '0',
    targeting: { users: { op: 'include', items: ['16601317995517219702'] } },
    adex: {
        zone_id: 3002371,
        account_id: 123456,
        campaign_id: ['1011086'],
        default_campaign_id: 1011086,
        group_id: ['1723'],
        number_of_messages: 1,
        repeat_on_click: 0,
        fallback_message: shown,
    },
});
