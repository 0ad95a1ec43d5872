/**
 * The admin pages in a real Chromium: they load without console messages, filters work, and the text of a message from
 * outside stays text. SCREENSHOTS=FOLDER keeps screenshots.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { freePort } from '../support/free-port.ts';
import { deliver, startReceiver, type TestReceiver } from '../support/receiver.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const HOSTILE = '<script>document.title="taken"</script><img src=x onerror="document.title=1">';
const RIGHT_TO_LEFT = 'abc \u202e txt.exe \u2066 שלום';
const LONG = 'x'.repeat(10_000);

describe('in a browser', () => {
  let receiver: TestReceiver;
  let browser: Browser | undefined;

  before(async () => {
    receiver = await startReceiver({ env: { ADMIN_PORT: String(await freePort()) } });
    const sms = (id: string, message: string) => ({
      event: 'sms.received',
      data: { message_id: id, from_number: '+12025550100', to_number: '+12025550101', message },
    });
    const call = (id: string, type: string, data: object = {}) => ({
      event: type,
      data: { call_uuid: id, ...data },
    });
    for (const body of [
      call('call-1', 'call.initiated', { from_number: '+12025550100', to_number: '+12025550101' }),
      call('call-1', 'call.answered'),
      call('call-1', 'call.completed', { duration_seconds: 120, total_cost: 0.05 }),
      call('call-2', 'call.busy'),
      call('call-3', 'call.completed', { duration_seconds: -1 }),
      { event: 'recording.complete', data: { recording_id: 'rec-1', call_uuid: 'call-1' } },
      sms('sms-1', HOSTILE),
      sms('sms-2', RIGHT_TO_LEFT),
      sms('sms-3', LONG),
      sms('sms-4', 'STOP'),
    ])
      assert.equal((await deliver(receiver, body)).status, 200);
    if (CHROMIUM === undefined) return;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  after(async () => {
    await browser?.close();
    await receiver.close();
  });

  /** Opens a page. Any console message and any failed request fails the test. */
  async function open(
    t: TestContext,
    path: string,
    options: BrowserContextOptions = {},
  ): Promise<Page | undefined> {
    if (browser === undefined) {
      assert.ok(process.env['CI'] === undefined, 'Chromium is not installed');
      t.skip('needs Chromium: apt-get install chromium');
      return undefined;
    }
    const context = await browser.newContext(options);
    t.after(() => context.close());
    const page = await context.newPage();
    const words: string[] = [];
    page.on('console', (message) => words.push(message.text()));
    page.on('pageerror', (error) => words.push(error.message));
    page.on('requestfailed', (request) => words.push(`failed: ${request.url()}`));
    t.after(() => assert.deepEqual(words, []));
    const url = new URL(path, receiver.adminUrl);
    url.searchParams.set('token', receiver.adminToken ?? '');
    const response = await page.goto(url.href);
    assert.equal(response?.status(), 200, path);
    assert.equal(new URL(page.url()).searchParams.has('token'), false);
    return page;
  }

  function widths(page: Page): Promise<{ wide: number; view: number }> {
    return page.evaluate(
      '({ wide: document.documentElement.scrollWidth, view: document.documentElement.clientWidth })',
    );
  }

  async function picture(page: Page, name: string): Promise<void> {
    const folder = process.env['SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }

  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true };

  it('the overview shows what arrived, even without JavaScript', async (t) => {
    const page = await open(t, '/', { javaScriptEnabled: false, viewport: { width: 1280, height: 900 } });
    if (page === undefined) return;
    const tile = async (name: string) => {
      const text = await page.locator(`dt:text-is("${name}") + dd`).textContent();
      return (text ?? '').replace(/\s+/g, ' ').trim();
    };
    assert.equal(await tile('events'), '10');
    assert.equal(await tile('calls'), '3');
    assert.equal(await tile('answered'), '33.3 %');
    assert.equal(await tile('cost (USD)'), '0.05');
    assert.match(await tile('opted out'), /^1 of 1 in total$/);
    assert.equal((await page.locator('svg[role=img] rect').count()) > 0, true);
    assert.match((await page.locator('main').textContent()) ?? '', /duration_seconds must be a number/);
    await picture(page, 'overview');
  });

  for (const [name, options] of [
    ['a phone', phone],
    ['dark mode', { colorScheme: 'dark' }],
  ] as const) {
    it(`the overview fits ${name}`, async (t) => {
      const page = await open(t, '/', options);
      if (page === undefined) return;
      const { wide, view } = await widths(page);
      assert.equal(wide, view, 'it scrolls horizontally');
      await picture(page, name.replace(' ', '-'));
    });
  }

  it('a period is selected by a link and stays selected', async (t) => {
    const page = await open(t, '/');
    if (page === undefined) return;
    await page.getByRole('link', { name: '7 days' }).click();
    assert.equal(await page.locator('[aria-current=true]').textContent(), '7 days');
    assert.equal(new URL(page.url()).searchParams.get('window'), '7 days');
  });

  it('events are filtered by type, by subject and by failure', async (t) => {
    const page = await open(t, '/events');
    if (page === undefined) return;
    const seqs = () => page.locator('tbody tr td:first-child').allTextContents();
    assert.deepEqual(await seqs(), ['10', '9', '8', '7', '6', '5', '4', '3', '2', '1']);
    await page.getByLabel('type').fill('sms.*');
    await page.getByRole('button', { name: 'Show' }).click();
    assert.deepEqual(await seqs(), ['10', '9', '8', '7']);
    await picture(page, 'events');
    await page.getByLabel('type').fill('');
    await page.getByLabel('subject').fill('call-1');
    await page.getByRole('button', { name: 'Show' }).click();
    assert.deepEqual(await seqs(), ['6', '3', '2', '1']);
    await page.getByLabel('subject').fill('');
    await page.getByLabel('only failures').check();
    await page.getByRole('button', { name: 'Show' }).click();
    assert.deepEqual(await seqs(), ['5']);
  });

  it('an event’s page shows its bytes, its headers and the rows that it changed', async (t) => {
    const page = await open(t, '/events/3');
    if (page === undefined) return;
    const text = (await page.locator('main').textContent()) ?? '';
    for (const part of [
      'call.completed',
      '/webhooks',
      'calls',
      'call-1',
      'duration_seconds',
      '"total_cost": 0.05',
    ])
      assert.ok(text.includes(part), part);
    await picture(page, 'event');
  });

  it('a hostile message stays text, whatever its writing direction and length', async (t) => {
    for (const [seq, message] of [
      [7, HOSTILE],
      [8, RIGHT_TO_LEFT],
      [9, LONG],
    ] as const) {
      const page = await open(t, `/events/${seq}`, phone);
      if (page === undefined) return;
      const written = JSON.stringify(message)
        .slice(1, -1)
        .replace('\u202e', '\\u202e')
        .replace('\u2066', '\\u2066');
      const shown = (await page.locator('pre').allTextContents()).join('\n');
      assert.ok(shown.includes(written), `the message of seq ${seq}`);
      assert.match(await page.title(), new RegExp(`^Event ${seq} `));
      assert.equal(await page.locator('main script, main img').count(), 0);
      const { wide, view } = await widths(page);
      assert.equal(wide, view, 'it scrolls horizontally');
      await picture(page, `event-${seq}`);
    }
    for (const path of ['/', '/events']) {
      const page = await open(t, path);
      assert.notEqual(await page?.title(), 'taken');
    }
  });

  it('without the token a page asks for it, and then shows the requested content', async (t) => {
    const context = await browser?.newContext(phone);
    if (context === undefined) return void (await open(t, '/'));
    t.after(() => context.close());
    const page = await context.newPage();
    const violations: string[] = [];
    page.on('console', (message) => {
      if (/error|warning/.test(message.type()) && !message.text().includes('401'))
        violations.push(message.text());
    });
    page.on('requestfailed', (request) => violations.push(`failed: ${request.url()}`));
    const response = await page.goto(new URL('/events?type=sms.*', receiver.adminUrl).href);
    assert.equal(response?.status(), 401);
    const { wide, view } = await widths(page);
    assert.equal(wide, view, 'it scrolls sideways');
    const border = await page.evaluate("getComputedStyle(document.querySelector('section')).borderStyle");
    assert.equal(border, 'solid', 'the style sheet is there');
    await picture(page, 'token');
    await page.getByLabel('Token').fill('guessed');
    await page.getByRole('button', { name: 'Open' }).click();
    assert.equal(await page.getByRole('alert').textContent(), 'Wrong token.');
    await picture(page, 'token-wrong');
    await page.getByLabel('Token').fill(receiver.adminToken ?? '');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Events' }).first().waitFor();
    assert.equal(page.url(), new URL('/events?type=sms.*', receiver.adminUrl).href);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.locator('svg[role=img]').first().waitFor();
    assert.deepEqual(violations, []);
    const [cookie] = await context.cookies();
    assert.deepEqual(
      [cookie?.httpOnly, cookie?.sameSite, cookie?.path, cookie?.name],
      [true, 'Strict', '/', `irisx-admin-${new URL(receiver.adminUrl ?? '').port}`],
    );
  });

  it('a page that does not exist says so', async () => {
    for (const path of ['/events/11', '/events/x', '/nothing']) {
      const { status } = await fetch(new URL(path, receiver.adminUrl), {
        headers: { Authorization: `Bearer ${receiver.adminToken}` },
      });
      assert.equal(status, 404, path);
    }
  });
});
