// How the programs beside this one place an order: HOOD_URL and HOOD_TOKEN say where and who.

export async function place(order) {
    const { HOOD_URL, HOOD_TOKEN } = process.env;
    const answer = await fetch(new URL('/v1/hood/push-tasks', HOOD_URL), {
        method: 'POST',
        headers: { 'Authorization': `Bearer ${HOOD_TOKEN}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(order),
    });
    console.log(answer.status);
    console.log(await answer.text());
}

export const greeting = {
    title: { en: 'Hello from Del Systems' },
    body: { en: 'We are glad to introduce you to ocamba platform' },
    image: { en: 'https://www.ocamba.com/images/logo.png' },
    landing_url: 'https://www.ocamba.com/',
};
