/** The types that types.js writes from a description. */

'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')

const { typesOf } = require('../../miniprogram/types')

const json = schema => ({ content: { 'application/json': { schema } } })
const types = (operation, method = 'post') => typesOf({ paths: { '/api/x': { [method]: operation } } })
const of = schema => types({ requestBody: json(schema), responses: { 204: {} } }).match(/in: ([^]*); out/)[1].replace(/\s+/g, ' ')

for (const [schema, type] of [
  [{ type: 'string' }, 'string'],
  [{ type: 'integer' }, 'number'],
  [{ type: ['string', 'null'] }, 'string | null'],
  [{ type: 'string', nullable: true }, 'string | null'],
  [{ const: 'a"b' }, '"a\\"b"'],
  [{ enum: [1, null, 'x'] }, '1 | null | "x"'],
  [{ anyOf: [{ type: 'number' }, { type: 'null' }] }, 'number | null'],
  [{ type: 'array', items: { anyOf: [{ type: 'number' }, { type: 'null' }] } }, '(number | null)[]'],
  [{ type: 'array', prefixItems: [{ type: 'number' }, { type: 'string' }] }, '[number, string]'],
  [{ type: 'object', additionalProperties: { type: 'number' } }, '{ [name: string]: number }'],
  [{ type: 'object' }, '{ [name: string]: unknown }'],
  [{ properties: { a: {}, 'b-c': { type: 'null' } }, required: ['a'] }, '{ "a": unknown "b-c"?: null }'],
  [{ properties: { a: {} }, anyOf: [{ required: ['a'] }, { maxProperties: 0 }] }, '{ "a"?: unknown }'],
  [{ allOf: [{ $ref: '#/components/schemas/A.b' }, { properties: {} }] }, '(A_b) & ({})'],
  [{ $ref: 'elsewhere.json' }, 'unknown'],
  [{ pattern: 'x' }, 'unknown'],
  [true, 'unknown'],
]) {
  test(`${JSON.stringify(schema)} is ${type}`, () => assert.equal(of(schema), type))
}

test('out is data of the envelope, the body without one, null for 204, and unknown for what is no JSON', () => {
  const envelope = { properties: { code: { const: 0 }, msg: {}, data: { type: 'boolean' } } }
  const out = responses => types({ responses }).match(/out: ([^]*?) }\n/)[1]
  assert.equal(out({ 200: json(envelope) }), 'boolean')
  assert.equal(out({ 201: json({ type: 'number' }), 400: json({ type: 'string' }) }), 'number')
  assert.equal(out({ 204: {} }), 'null')
  assert.equal(out({ 200: { content: { 'image/png': {} } } }), 'unknown')
  assert.equal(out(undefined), 'unknown')
})

test('in of a GET is its query, and any where none is described; in of a form is never', () => {
  const limit = { name: 'limit', in: 'query', schema: { type: 'integer' }, description: 'at most */' }
  assert.match(types({ parameters: [limit] }, 'get'), /in: \{\s+\/\*\* at most \* \/ \*\/\s+"limit"\?: number\s+\};/)
  assert.match(types({ parameters: [{ ...limit, in: 'path' }] }, 'get'), /in: any;/)
  assert.match(types({ requestBody: { content: { 'multipart/form-data': {} } } }), /in: never;/)
})
