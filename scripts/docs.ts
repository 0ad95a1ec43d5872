/** `npm run docs`: writes the documents that follow from the code. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tables } from '../src/projections/index.ts';
import { tablesPage } from './cli/tables-page.ts';

writeFileSync(join(import.meta.dirname, '../docs/TABLES.md'), tablesPage(tables));
