// The push service of bench/delivery.py: takes pushes over TLS, checks them, and answers 201.
//
// Run: node delivery_sink.mjs CERTIFICATE_AND_KEY.pem
// It announces three addresses: HTTP/2 alone, HTTP/1.1 alone, and where it tells what came.
// HTTP/2 is nghttp2's, which forgives nothing. One body in a thousand is kept, for the benchmark
// to decrypt.
import { readFileSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'

const pem = readFileSync(process.argv[2])
const tls = { key: pem, cert: pem }
const KEPT_EVERY = 1000
const MOST_STREAMS = 100 // as Google's has it
const HEAD_BYTES = 86
const TAG_BYTES = 16

let came, firstMs, lastMs, violations, bodies

function forget() {
  came = new Map()
  firstMs = lastMs = 0
  violations = []
  bodies = []
}

function take(method, path, headers, body) {
  const now = Date.now()
  firstMs ||= now
  lastMs = now
  const authorization = headers.authorization ?? ''
  const wrong =
    (method !== 'POST' && 'the method') ||
    (!/^\d+$/.test(headers.ttl ?? '') && 'TTL') ||
    (headers['content-encoding'] !== 'aes128gcm' && 'Content-Encoding') ||
    (!/^vapid t=[\w-]+\.[\w-]+\.[\w-]+, ?k=[\w-]{87}$/.test(authorization) && 'Authorization') ||
    ((body.length <= HEAD_BYTES + TAG_BYTES || body.length > 4096) && 'the size of the body')
  if (wrong) violations.push(`${path}: ${wrong}`)
  const before = came.get(path) ?? 0
  came.set(path, before + 1)
  if (came.size % KEPT_EVERY === 1) bodies.push({ path, body: body.toString('base64') })
}

const overH2 = http2.createSecureServer({ ...tls, settings: { maxConcurrentStreams: MOST_STREAMS } })
overH2.on('stream', (stream, headers) => {
  const parts = []
  stream.on('data', (part) => parts.push(part))
  stream.on('end', () => {
    take(headers[':method'], headers[':path'], headers, Buffer.concat(parts))
    stream.respond({ ':status': 201, location: 'https://localhost/m' }, { endStream: true })
  })
  stream.on('error', (error) => violations.push(`a stream: ${error.code}`))
})
overH2.on('sessionError', (error) => violations.push(`a connection: ${error.code}`))

const overH1 = https.createServer(tls, (request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    take(request.method, request.url, request.headers, Buffer.concat(parts))
    response.writeHead(201, { location: 'https://localhost/m', 'content-length': 0 }).end()
  })
})
overH1.keepAliveTimeout = 60_000

const telling = http.createServer((request, response) => {
  if (request.method === 'POST') forget()
  let received = 0
  for (const count of came.values()) received += count
  const told = { received, distinct: came.size, firstMs, lastMs, violations, bodies }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told))
})

forget()
overH2.listen(0, '127.0.0.1', () => {
  overH1.listen(0, '127.0.0.1', () => {
    telling.listen(0, '127.0.0.1', () => {
      console.log(`HTTP/2: https://localhost:${overH2.address().port}`)
      console.log(`HTTP/1.1: https://localhost:${overH1.address().port}`)
      console.log(`telling: http://127.0.0.1:${telling.address().port}`)
    })
  })
})
