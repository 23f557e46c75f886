/**
 * Makes the README's picture of a model card: IBM's telco data loaded, a model trained from it by SQL, its page as a
 * browser shows it. Needs Chromium.
 *
 *   node test/docs/card-picture.ts Telco-Customer-Churn.csv docs/model-card.png
 */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import { trained } from '../e2e/ask.ts'
import { program } from '../support/optional.ts'
import { startProduct } from '../support/product.ts'

const [file = 'Telco-Customer-Churn.csv', picture = 'docs/model-card.png'] = process.argv.slice(2)
const size = { width: 1_180, height: 1_500 }

const executablePath = program('chromium')
if (executablePath === undefined) throw new Error('Chromium is not on the PATH.')
const product = await startProduct()
const env = { ...process.env, EDGEWISE_URL: product.url, EDGEWISE_KEY: product.key }
await promisify(execFile)(process.execPath, [resolve('core/cli/main.ts'), 'load', 'telco', file], { env })
await trained(
  product,
  `CREATE MODEL churn FROM (SELECT * FROM telco) PREDICT Churn
   USING description = 'Which customers of a telephone company leave.', license = 'Apache-2.0'`,
)
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage({
  viewport: size,
  colorScheme: 'light',
  extraHTTPHeaders: { authorization: `Bearer ${product.key}` },
})
await page.goto(`${product.url}/v1/models/churn/card`)
mkdirSync(dirname(resolve(picture)), { recursive: true })
await page.screenshot({ path: picture })
await browser.close()
await product.stop()
