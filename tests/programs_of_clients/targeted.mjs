// Order a push with two buttons for the few whom every criterion names.
import { greeting, place } from './order.mjs';

const among = (...items) => ({ op: 'include', items });
const button = (text, video) => ({
    action: null, icon: null, title: { en: text }, url: `https://www.youtube.com/watch?v=${video}`,
});

await place({
    name: 'Demo',
    status: 1,
    start_time: 'immediately',
    message: { ...greeting, actions: [button('Yes', '123'), button('No', 'NO')] },
    targeting: {
        accounts: among('6197120'),
        application_groups: among('1383'),
        applications: among('www.ocamba.com'),
        apps: among('21050'),
        browsers: among('12'),
        countries: among('CA'),
        groups: among('481'),
        languages: among('es'),
        os: among('12'),
        regions: among('2593109', '2525468'),
        remote_users: among('Nesto Bilo Sta'),
        segments: among('2817'),
        subscribed_age: { from: 1, to: 2 },
        user_data: { example1: among('AZ BZ'), example2: among('Test'), example3: among('Test') },
        users: among('123123121312312'),
    },
});
