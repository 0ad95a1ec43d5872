/** `GET` on a webhook path: answers the sender's URL check, or lists the endpoints. */

import { CHALLENGE_CHARS_MAX } from '../core/limits.ts';
import { type Answer, refuse } from './answers.ts';
import { describeEndpoints } from './endpoints.ts';

const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/** @param query the request's query, without the `?` */
export function answerChallenge(query: string): Answer {
  const challenge = new URLSearchParams(query).get('challenge');
  if (challenge === null) return { status: 200, code: 'endpoints', headers: {}, body: describeEndpoints() };
  if (challenge.length > CHALLENGE_CHARS_MAX || !PRINTABLE_ASCII.test(challenge))
    return refuse('invalid_challenge');
  return {
    status: 200,
    code: 'challenge',
    headers: { 'X-Content-Type-Options': 'nosniff' },
    body: challenge,
  };
}
