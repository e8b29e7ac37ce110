/**
 * Makes the npm package of the client, `npm run pack`: build/myapi-miniprogram-VERSION.tgz.
 *
 * The developer tools take `miniprogram_dist` of it with 工具 → 构建 npm; uni-app and Taro take
 * `main` or `module`. `npm run size` measures the same build beside two other libraries.
 */

'use strict'

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')

const esbuild = require('esbuild')

const NAME = 'myapi-miniprogram'
const BUILD = path.join(__dirname, 'build')
const ENTRY = path.join(__dirname, 'myapi', 'index.js')
const PEERS = ['luch-request', 'axios-miniprogram']


/** Joins the modules of the client into one scope: as CommonJS, esbuild keeps each in its own. */
const JOINED = {
  name: 'joined',
  setup: build =>
    build.onLoad({ filter: /[\\/]myapi[\\/]\w+\.js$/ }, ({ path: file }) => ({
      contents: fs
        .readFileSync(file, 'utf8')
        .replace(/^const (\{[^}]*\}) = require\((.*)\)$/gm, 'import $1 from $2')
        .replace(/^module\.exports = \{/m, 'export {'),
    })),
}

/**
 * One file, as small as it gets, for what runs the client: ES2018.
 * @param {string} code of the entry
 * @param {'cjs' | 'esm'} format
 * @param {object} [options]
 * @returns {Promise<Buffer>}
 */
async function bundle(code, format, options) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: code, resolveDir: __dirname },
    bundle: true,
    minify: true,
    charset: 'utf8',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2018',
    legalComments: 'none',
    format,
    write: false,
    ...options,
  })
  return Buffer.from(outputFiles[0].contents)
}

const whole = name => `module.exports = require(${JSON.stringify(name)})`

/**
 * The client, for `import` and for `require`.
 * @returns {Promise<{ esm: Buffer, cjs: Buffer }>}
 */
async function client() {
  const named = `export { ApiError, ERRORS, createClient } from ${JSON.stringify(ENTRY)}`
  const esm = await bundle(named, 'esm', { plugins: [JOINED] })
  // the one line that differs; esbuild's own way to say it has 400 bytes
  const cjs = `${esm}`.replace(/export ?\{(.*?)\};?\s*$/, (_, names) => {
    return `module.exports={${names.replace(/([\w$]+) as (\w+)/g, '$2:$1')}};\n`
  })
  return { esm, cjs: Buffer.from(cjs) }
}

/** The version is the server's: the client of a release fits the server of that release. */
function version() {
  const changelog = fs.readFileSync(path.join(__dirname, '..', 'CHANGELOG.md'), 'utf8')
  return changelog.match(/^## (\d+\.\d+\.\d+)/m)[1]
}

/** @param {string} to a folder */
async function pack(to) {
  const folder = path.join(to, NAME)
  const dist = path.join(folder, 'miniprogram_dist')
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(dist, { recursive: true })
  const { cjs, esm } = await client()
  fs.writeFileSync(path.join(dist, 'index.js'), cjs)
  fs.writeFileSync(path.join(dist, 'index.mjs'), esm)
  fs.copyFileSync(path.join(__dirname, 'myapi', 'index.d.ts'), path.join(dist, 'index.d.ts'))
  for (const file of ['README.md', 'README.zh-CN.md', 'types.js', '../LICENSE']) {
    fs.copyFileSync(path.join(__dirname, file), path.join(folder, path.basename(file)))
  }
  const told = {
    name: NAME,
    version: version(),
    description: 'The client of myapi for WeChat mini programs',
    license: 'MIT',
    main: 'miniprogram_dist/index.js',
    module: 'miniprogram_dist/index.mjs',
    types: 'miniprogram_dist/index.d.ts',
    miniprogram: 'miniprogram_dist',
    bin: { 'myapi-types': 'types.js' },
    files: ['miniprogram_dist', 'types.js', 'README.zh-CN.md'],
    sideEffects: false,
  }
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(told, null, 2)}\n`)
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const made = execFileSync(npm, ['pack', '--silent', '--pack-destination', to], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  console.log(path.join(to, made.trim()))
}

async function size() {
  const rows = [[NAME, (await client()).cjs]]
  for (const name of PEERS) rows.push([name, await bundle(whole(name), 'cjs')])
  console.log(`${''.padEnd(20)}${'minified'.padStart(10)}${'gzipped'.padStart(10)}`)
  for (const [name, code] of rows) {
    const gzipped = zlib.gzipSync(code, { level: 9 }).length
    console.log(`${name.padEnd(20)}${String(code.length).padStart(10)}${String(gzipped).padStart(10)}`)
  }
}

const [, , what = BUILD] = process.argv
if (what === 'size') size()
else pack(path.resolve(what))
