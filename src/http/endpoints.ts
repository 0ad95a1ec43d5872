/** The served paths, and the event families of each webhook path. */

export interface WebhookEndpoint {
  readonly path: string;
  /** Undefined means all. A delivery of another family is recorded anyway, with a warning. */
  readonly families?: readonly string[];
  readonly receives: string;
}

export const HEALTH_PATH = '/health';

const WEBHOOK_ENDPOINTS: readonly WebhookEndpoint[] = [
  { path: '/webhooks', receives: 'all events' },
  {
    path: '/webhooks/calls',
    families: ['call', 'recording', 'transcription'],
    receives: 'call and recording events',
  },
  { path: '/webhooks/sms', families: ['sms', 'mms'], receives: 'SMS and MMS events' },
];

const BY_PATH = new Map(WEBHOOK_ENDPOINTS.map((endpoint) => [endpoint.path, endpoint]));

/** @param path as returned by splitTarget() */
export function webhookEndpoint(path: string): WebhookEndpoint | undefined {
  return BY_PATH.get(path);
}

/** The answer to `GET` on a webhook path. */
export function describeEndpoints(): Record<string, unknown> {
  return {
    endpoints: [
      ...WEBHOOK_ENDPOINTS.map(({ path, receives }) => ({ method: 'POST', path, receives })),
      { method: 'GET', path: HEALTH_PATH, receives: 'health checks' },
    ],
  };
}
