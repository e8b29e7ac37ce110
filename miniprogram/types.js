#!/usr/bin/env node
/**
 * Writes the types of a server's routes, so that `api.get('/api/notes')` knows its answer:
 *
 *     node types.js http://127.0.0.1:8000/openapi.json > api.d.ts
 *
 * It reads a URL or a file, and takes what an OpenAPI 3.1 description says of JSON. `in` is the
 * body, or the query of a GET or DELETE; `out` is what the client gives: `data` of the envelope.
 */

'use strict'

const fs = require('node:fs')

const METHODS = ['get', 'post', 'put', 'delete']
const REF = '#/components/schemas/'
const SIMPLE = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' }

/**
 * @param {any} description of the server, parsed
 * @returns {string} the text of a .d.ts file
 */
function typesOf({ paths = {}, components = {} }) {
  const routes = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter(method => item[method]).map(method => routeOf(method, path, item, components))
  )
  const schemas = Object.entries(components.schemas || {})
    .filter(([name]) => name !== 'Error') // it comes as an ApiError
    .map(([name, schema]) => `${comment(schema.description)}export type ${identifier(name)} = ${typeOf(schema)}\n`)
  return [
    '// Written by types.js of the myapi client from the description of a server: do not edit.\n',
    ...schemas,
    `declare global {\n  interface MyapiRoutes {\n${indented(routes.join('\n'), '    ')}\n  }\n}\n`,
    'export {}\n',
  ].join('\n')
}

function routeOf(method, path, item, components) {
  const operation = item[method]
  const takes = hasBody(method) ? bodyOf(operation) : queryOf(item, operation, components)
  const route = `${method.toUpperCase()} ${path}`
  return `${comment(operation.summary)}${JSON.stringify(route)}: { in: ${takes}; out: ${answerOf(operation)} }`
}

const hasBody = method => method === 'post' || method === 'put'

/** A form goes with `upload`, and never as `data`. */
function bodyOf({ requestBody }) {
  const json = requestBody && jsonOf(requestBody)
  return json ? typeOf(json) : 'never'
}

/** A query that the server does not describe may be any. */
function queryOf(item, operation, { parameters: shared = {} }) {
  const known = [...(item.parameters || []), ...(operation.parameters || [])]
    .map(each => (each.$ref ? shared[each.$ref.split('/').pop()] : each))
    .filter(each => each && each.in === 'query')
  if (!known.length) return 'any'
  return record(known.map(({ name, required, schema, description }) => ({ name, required, schema, description })))
}

/** What the client makes of a success: `data` of the envelope, else the body, null for 204. */
function answerOf({ responses = {} }) {
  const status = Object.keys(responses).find(each => /^2\d\d$/.test(each))
  if (status === '204') return 'null'
  const json = status && jsonOf(responses[status])
  if (!json) return 'unknown'
  const { code, data } = json.properties || {}
  return typeOf(code && data ? data : json)
}

function jsonOf({ content = {} }) {
  const type = Object.keys(content).find(each => /^application\/json\b/.test(each))
  return type && content[type].schema
}

/** The type of a JSON schema; `unknown` for what it does not tell. */
function typeOf(schema) {
  if (schema === true || schema === undefined) return 'unknown'
  if (schema === false) return 'never'
  if (schema.$ref) return schema.$ref.startsWith(REF) ? identifier(schema.$ref.slice(REF.length)) : 'unknown'
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum) return union(schema.enum.map(each => JSON.stringify(each)))
  const parts = [ownType(schema), alternatives(schema.anyOf), alternatives(schema.oneOf)]
  const known = [...parts, ...(schema.allOf || []).map(typeOf)].filter(each => each !== 'unknown')
  if (known.length < 2) return known[0] || 'unknown'
  return known.map(each => `(${each})`).join(' & ')
}

/** Some only say which fields belong together: that is left to the server. */
function alternatives(schemas = []) {
  const types = schemas.map(typeOf)
  return types.length && !types.includes('unknown') ? union(types) : 'unknown'
}

function ownType(schema) {
  const types = [].concat(schema.type || (schema.properties ? 'object' : schema.items ? 'array' : []))
  if (!types.length) return 'unknown'
  return union([...types.map(type => ofType(type, schema)), ...(schema.nullable ? ['null'] : [])])
}

function ofType(type, schema) {
  if (type === 'array' && schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(', ')}]`
  if (type === 'array') return `(${typeOf(schema.items)})[]`
  if (type !== 'object') return SIMPLE[type] || 'unknown'
  const { properties, required = [], additionalProperties } = schema
  if (properties) {
    return record(
      Object.entries(properties).map(([name, each]) => ({
        name,
        required: required.includes(name),
        schema: each,
        description: each.description,
      }))
    )
  }
  return `{ [name: string]: ${typeOf(additionalProperties)} }`
}

function record(fields) {
  const lines = fields.map(
    ({ name, required, schema, description }) =>
      `${comment(description)}${JSON.stringify(name)}${required ? '' : '?'}: ${typeOf(schema)}`
  )
  return lines.length ? `{\n${indented(lines.join('\n'), '  ')}\n}` : '{}'
}

const union = types => [...new Set(types)].join(' | ')
const indented = (text, by) => text.replace(/^(?=.)/gm, by)
const comment = text => (text ? `/** ${text.replace(/\s+/g, ' ').replace(/\*\//g, '* /')} */\n` : '')
const identifier = name => name.replace(/\W/g, '_').replace(/^(?=\d)/, '_')

async function read(source) {
  if (!/^https?:/.test(source)) return fs.readFileSync(source, 'utf8')
  const answer = await fetch(source)
  if (!answer.ok) throw new Error(`${source}: ${answer.status}`)
  return answer.text()
}

async function main([source]) {
  if (!source) throw new Error('node types.js http://127.0.0.1:8000/openapi.json > api.d.ts')
  const description = JSON.parse(await read(source))
  if (!description.paths) throw new Error(`${source}: no OpenAPI description / 不是 OpenAPI 描述`)
  process.stdout.write(typesOf(description))
}

module.exports = { typesOf }

if (require.main === module) {
  main(process.argv.slice(2)).catch(error => {
    console.error(error.cause ? `${error.message}: ${error.cause.message}` : error.message)
    process.exitCode = 1
  })
}
