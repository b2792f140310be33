// Order a push for every hour from START_TIME (GMT) on.
import { greeting, place } from './order.mjs';

const start_time = process.env.START_TIME ?? '2022-01-01 12:00:00';
await place({ name: 'Demo', status: 1, start_time, frequency: '3600', message: greeting });
