// Order a push for noon on Mondays and Fridays that wakes nobody at night.
import { greeting, place } from './order.mjs';

const when = { start_time: 'immediately', cron: '0 12 * * 1,5', quiet_time: { from: '0', to: '4' } };
await place({ name: 'Demo', status: 1, ...when, message: greeting });
