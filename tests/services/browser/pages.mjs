// Drives headless Chromium through the pages of Prometheus and Alertmanager, and prints what it saw as one JSON object. Arguments come
// as JSON on stdin: {chromium, prometheus, alertmanager, query, alert, target}; the first two after the browser are addresses.
import { chromium } from 'playwright-core';

const given = JSON.parse(await new Response(process.stdin).text());
const browser = await chromium.launch({
  executablePath: given.chromium,
  args: ['--no-sandbox', '--disable-dev-shm-usage'], // the tests may be root's, and open only pages of their own
});
const saw = { errors: [] };
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => saw.errors.push(String(error)));
  page.on('response', (response) => response.status() >= 400 && saw.errors.push(`${response.status()} ${response.url()}`));
  await visitPrometheus(page);
  await page.goto(given.alertmanager);
  await page.waitForSelector(`text=${given.alert}`);
  saw.alertmanager = await page.locator('body').innerText();
  console.log(JSON.stringify(saw));
} finally {
  await browser.close();
}

async function visitPrometheus(page) {
  await page.goto(given.prometheus);
  await page.click('.cm-content');
  await page.keyboard.type(given.query);
  await page.keyboard.press('Escape'); // closes the list of completions
  await page.keyboard.press('Enter');
  await page.waitForSelector('table tbody tr');
  saw.result = await page.locator('table tbody tr').allInnerTexts();

  await page.click('a[href$="/alerts"]');
  await page.fill('input[placeholder^="Filter by rule name"]', given.alert); // the list has several sheets
  await page.waitForSelector(`text=${given.alert}`);
  saw.alerts = await page.locator('main').innerText();

  await page.goto(`${given.prometheus}/targets`);
  await page.waitForSelector(`text=${given.target}`);
  saw.targets = await page.locator('main').innerText();
}
