// npm's web-push as a sender for bench/delivery.py; prints what the sending cost as JSON.
//
// Run: node delivery_peer.mjs JOB.json, in a folder with node_modules/web-push
// JOB: {subscriptions, payload, publicKey, privateKey, subject, ttl, atOnce}
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { createRequire } from 'node:module'

const webpush = createRequire(`${process.cwd()}/`)('web-push')
const job = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const agent = new https.Agent({ keepAlive: true, maxSockets: job.atOnce })
const options = {
  TTL: job.ttl,
  agent,
  vapidDetails: { subject: job.subject, publicKey: job.publicKey, privateKey: job.privateKey },
}
let next = 0

async function send() {
  while (next < job.subscriptions.length) {
    const answer = await webpush.sendNotification(job.subscriptions[next++], job.payload, options)
    if (answer.statusCode !== 201) throw new Error(`status ${answer.statusCode}`)
  }
}

const [cpu, began] = [process.cpuUsage(), Date.now()]
await Promise.all(Array.from({ length: job.atOnce }, send))
const used = process.cpuUsage(cpu)
agent.destroy()
console.log(
  JSON.stringify({ cpu_s: (used.user + used.system) / 1e6, seconds: (Date.now() - began) / 1000 }),
)
