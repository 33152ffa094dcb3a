// Reads dotenv files as npm's packages do: `node read.cjs PACKAGES IN OUT`. IN is a list of texts in JSON, OUT becomes a
// list of what each reader made of each text, or why it made nothing.

const { createRequire } = require('node:module')
const fs = require('node:fs')
const path = require('node:path')

const [packages, input, output] = process.argv.slice(2)
const from = createRequire(path.join(packages, 'package.json'))
const dotenv = from('dotenv')
const dotenvx = from('@dotenvx/dotenvx')
const { scan } = createRequire(from.resolve('@dotenvx/dotenvx'))('@dotenvx/primitives')

const attempt = (read) => {
  try {
    return { read: read() }
  } catch (error) {
    return { failed: String(error) }
  }
}

const results = JSON.parse(fs.readFileSync(input, 'utf8')).map((text) => ({
  // What dotenvx finds, before it replaces anything: every value of each name.
  found: attempt(() => scan(text).parsed),
  // What an application sees that dotenvx runs, in an environment with nothing else in it.
  dotenvx: attempt(() => dotenvx.parse(text, { processEnv: {} })),
  dotenv: attempt(() => dotenv.parse(text)),
  fast: attempt(() => dotenv.parse(text, { fast: true })),
}))
fs.writeFileSync(output, JSON.stringify(results))
