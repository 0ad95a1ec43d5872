/**
 * Modeled on IRISX's documented example: Express 4 parses the JSON first and computes the HMAC over the reserialized
 * JSON. It prints one console line per request and one per answer, and stores nothing.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import express from 'express';

const secret = process.env.WEBHOOK_SECRET ?? '';
const app = express();
app.use(express.json({ limit: '1mb' }));
app.use((req, res, next) => {
  const startedMs = Date.now();
  console.log(`[${new Date().toISOString()}] ${req.method} ${req.path}`);
  res.on('finish', () => {
    console.log(`[${new Date().toISOString()}] ${res.statusCode} ${Date.now() - startedMs}ms`);
  });
  next();
});

function verify(req, res, next) {
  const signature = req.get('X-IRISX-Signature');
  const timestamp = req.get('X-IRISX-Timestamp');
  if (!signature || !timestamp) return res.status(401).json({ error: 'Unauthorized' });
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300)
    return res.status(401).json({ error: 'Unauthorized' });
  const expected = createHmac('sha256', secret)
    .update(`${timestamp}.${JSON.stringify(req.body)}`)
    .digest('hex');
  const given = Buffer.from(signature);
  if (given.length !== expected.length || !timingSafeEqual(given, Buffer.from(expected)))
    return res.status(401).json({ error: 'Unauthorized' });
  return next();
}

app.post('/webhooks', verify, (req, res) => {
  const event = req.body.event ?? req.get('X-IRISX-Event');
  console.log(`Processing ${event}`);
  res.status(200).json({ success: true, message: 'Webhook processed', event });
});

const server = app.listen(0, '127.0.0.1', () => console.log(`listening on port ${server.address().port}`));
