// Drives headless Chromium through ops-ui and prints what it saw as one JSON object. Arguments come as JSON on stdin:
// {chromium, url, evil, authorities: [SPKI hash], user, password}.
import { chromium } from 'playwright-core';

const given = JSON.parse(await new Response(process.stdin).text());
const browser = await chromium.launch({
  executablePath: given.chromium,
  args: [
    '--no-sandbox', // the tests may be root's, and open only pages of their own
    '--disable-dev-shm-usage',
    '--host-resolver-rules=MAP *.test 127.0.0.1',
    `--ignore-certificate-errors-spki-list=${given.authorities.join(',')}`,
  ],
});
try {
  console.log(JSON.stringify(await visit(await browser.newContext())));
} finally {
  await browser.close();
}

async function visit(context) {
  const page = await context.newPage();
  const saw = {};
  await page.goto(given.url);
  await page.click('#sign-in');
  saw.refused = await signIn(page, `${given.password}x`, 'p:has-text("Sign in failed")');
  await signIn(page, given.password, '#user');
  saw.user = await page.textContent('#user');
  saw.cookies = await context.cookies();
  saw.scriptSees = await page.evaluate('document.cookie');

  await page.click('#order button');
  await page.waitForSelector('#said:text("sent")');
  await page.waitForSelector('#orders li:has-text("filled")', { timeout: 15000 });
  saw.orders = await page.locator('#orders li').allTextContents();

  saw.forgedOrder = await forged(context, '/order');
  saw.forgedSignOut = await forged(context, '/sign-out');
  saw.forgedSignIn = await forged(await browser.newContext(), '/sign-in');
  await page.reload();
  await page.waitForSelector('#user');
  saw.ordersAfter = await page.evaluate(async () => (await (await fetch('/api/orders')).json()).orders.length);

  await page.click('#sign-out');
  await page.waitForSelector('#sign-in');
  saw.cookiesAfter = (await context.cookies()).map(({ name }) => name);
  return saw;
}

async function signIn(page, password, then) {
  await page.fill('[name=username]', given.user);
  await page.fill('[name=password]', password);
  await page.click('button[type=submit]');
  await page.waitForSelector(then);
  return true;
}

// The page of another site sends its form by itself; what went to ops-ui, and what came back.
async function forged(context, path) {
  const page = await context.newPage();
  const posted = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.goto(`${given.evil}${path}`, { waitUntil: 'commit' });
  const response = await posted;
  const headers = await response.request().allHeaders();
  await page.waitForLoadState();
  const result = {
    status: response.status(),
    origin: headers.origin,
    sent: (headers.cookie ?? '').split('; ').map((pair) => pair.split('=')[0]).filter(Boolean),
    session: (await context.cookies()).some(({ name }) => name === '__Secure-next-auth.session-token'),
  };
  await page.close();
  return result;
}
