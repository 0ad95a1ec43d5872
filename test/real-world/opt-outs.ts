/** Opt-outs: of one tenant, under any spelling of the keyword and of the number. */

import { T0_S } from '../support/events.ts';
import { type Case, type Sent, sent } from './case.ts';

let messages = 0;

/** @param second before T0 */
function says(message: string, from: unknown, second: number, more: object = {}): Sent {
  messages += 1;
  const data = {
    message_id: `says${messages}`,
    from_number: from,
    to_number: '+18000000001',
    message,
    ...more,
  };
  return sent('sms.received', data, [], T0_S - second);
}

const contactsOf = (number: string) =>
  `SELECT tenant_id, opted_out FROM contacts WHERE phone_number = '${number}' ORDER BY tenant_id`;
const optOutsOf = (number: string) =>
  `SELECT tenant_id, opted_out_by FROM opt_outs WHERE phone_number = '${number}' ORDER BY tenant_id`;

const TENANTS: readonly Case[] = [
  {
    name: 'who opts out of the messages of one tenant and in to those of another is opted out of the first',
    sent: [
      says('STOP', '+15551112222', 2, { tenant_id: 'A' }),
      says('Yes', '+15551112222', 1, { tenant_id: 'B', to_number: '+19000000001' }),
    ],
    sql: contactsOf('+15551112222'),
    rows: [
      { tenant_id: 'A', opted_out: 1 },
      { tenant_id: 'B', opted_out: 0 },
    ],
  },
  {
    name: 'a question for help does not change what opted a person out',
    sent: [
      says('STOP', '+15551113333', 2, { tenant_id: 'A' }),
      says('HELP', '+15551113333', 1, { tenant_id: 'A' }),
    ],
    sql: optOutsOf('+15551113333'),
    rows: [{ tenant_id: 'A', opted_out_by: 'STOP' }],
  },
  {
    name: 'of an opt-out and an opt-in at the same time, the opt-out counts',
    sent: [says('START', '+15551115555', 1), says('STOP', '+15551115555', 1)],
    sql: contactsOf('+15551115555'),
    rows: [{ tenant_id: null, opted_out: 1 }],
  },
  {
    name: 'a tenant that cannot be used: the opt-out counts for every tenant',
    sent: [
      {
        ...says('STOP', '+15551114444', 1, { tenant_id: ['A'] }),
        warnings: ['tenant_id must be text or a whole number from 0 to 2^53 - 1, got a list'],
      },
    ],
    sql: contactsOf('+15551114444'),
    rows: [{ tenant_id: null, opted_out: 1 }],
  },
];

const OPT_OUTS = [
  ...[
    'STOP',
    'stop',
    ' Stop ',
    'STOP.',
    'Stop!',
    '"Stop"',
    '“Stop”',
    '(STOP)',
    'STOP\u200b',
    'ＳＴＯＰ',
    'stop\u00a0',
  ],
  ...[
    'OPT OUT',
    'OPT-OUT',
    'opt\u2011out',
    'Optout',
    'STOP ALL',
    'StopAll',
    'ARRET',
    'ARRÊT',
    'arre\u0302t',
    'REMOVE',
  ],
  ...[
    'STOP\r\n',
    '\ufeffSTOP',
    '\u202eSTOP',
    'STOP\u0000',
    '\u0000STOP',
    'Unsubscribe',
    'END',
    'Quit',
    'Cancel.',
    'TD',
  ],
];
const NO_KEYWORDS = ['Stopping by at 5', "Don't stop", 'no', 'The end', '🛑', ''];
const BEGUN = ['Stop. Thank you', 'STOP texting me', 'Cancel my order', 'STOP 🛑', 'Unsubscribe me'];

const messageOf = (number: string) =>
  `SELECT keyword, possible_opt_out, count(contact) AS contacts FROM sms_messages
   LEFT JOIN contacts ON phone_number = from_number WHERE from_number = '${number}'`;

const KEYWORDS: readonly Case[] = [
  ...OPT_OUTS.map((message, index) => ({
    name: `${JSON.stringify(message)} opts out`,
    sent: [says('START', `+1555222${1000 + index}`, 2), says(message, `+1555222${1000 + index}`, 1)],
    sql: `SELECT opted_out FROM contacts WHERE phone_number = '+1555222${1000 + index}'`,
    rows: [{ opted_out: 1 }],
  })),
  ...NO_KEYWORDS.map((message, index) => ({
    name: `${JSON.stringify(message)} is a message`,
    sent: [says(message, `+1555333${1000 + index}`, 1)],
    sql: messageOf(`+1555333${1000 + index}`),
    rows: [{ keyword: null, possible_opt_out: null, contacts: 0 }],
  })),
  ...BEGUN.map((message, index) => ({
    name: `${JSON.stringify(message)} is for a person to decide`,
    sent: [says(message, `+1555444${1000 + index}`, 1)],
    sql: messageOf(`+1555444${1000 + index}`),
    rows: [{ keyword: null, possible_opt_out: message.split(/[. ]/, 1)[0]?.toUpperCase(), contacts: 0 }],
  })),
];

/** As sent, and the form in which numbers are compared. */
const OTHERS = [
  ['(555) 777-0001', '5557770001'],
  ['12345', '12345'],
  ['ACME-DE', 'ACME-DE'],
  ['+44 (0)20 7946 0000', '+442079460000'],
  ['03012345678', '03012345678'],
] as const;

const NUMBERS: readonly Case[] = [
  {
    name: 'three spellings of a number are one contact, and its latest keyword counts',
    sent: [
      says('STOP', '+15557770001', 3),
      says('START', '15557770001', 2),
      says('STOP', '001 555 777 0001', 1),
      says('Start', 15557770001, 0),
    ],
    sql: "SELECT phone_number, opted_out FROM contacts WHERE phone_number LIKE '%15557770001'",
    rows: [{ phone_number: '+15557770001', opted_out: 0 }],
  },
  ...OTHERS.map(([number, compared]) => ({
    name: `${number} is ${number === compared ? 'itself' : compared}, and stays as sent in its message`,
    sent: [says('STOP', number, 1, { message_id: `of ${number}` })],
    sql: `SELECT phone_number, from_number FROM sms_messages, contacts
      WHERE message_id = 'of ${number}' AND phone_number = '${compared}'`,
    rows: [{ phone_number: compared, from_number: number }],
  })),
];

export const OPTING_OUT: readonly Case[] = [...TENANTS, ...KEYWORDS, ...NUMBERS];
