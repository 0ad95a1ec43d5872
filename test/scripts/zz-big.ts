import { copyFileSync } from 'node:fs';
import { sampleDatabase } from './sample-database.ts';

const d = sampleDatabase();
const t = performance.now();
for (let i = 0; i < 100; i++) d.append(3000);
console.log(performance.now() - t);
copyFileSync(d.path, '/tmp/t1/big.db');
d.remove();
