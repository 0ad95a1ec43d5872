/** Everything that this program derives from the log. Add a projection or a view here. */

import type { Derivations } from '../core/tables/projection.ts';
import { calls } from './calls.ts';
import type { Table } from './columns.ts';
import { contacts } from './contacts.ts';
import { recordings } from './recordings.ts';
import { REPORT_VIEWS_VERSION, reportViews } from './report-views.ts';
import { smsMessages } from './sms-messages.ts';

export const tables: readonly Table[] = [calls, smsMessages, recordings, contacts];

export const derivations: Derivations = {
  projections: tables,
  views: reportViews,
  viewsVersion: REPORT_VIEWS_VERSION,
};
