// What the server says about itself, loaded once, before anything is shown.

export const API = new URL('.', location.href).href.replace(/\/$/, '')
const METHODS = ['get', 'post', 'put', 'patch', 'delete']

async function load(path) {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

export const [spec, zh] = await Promise.all(['openapi.json', 'docs/zh.json'].map(load)).catch((error) => {
  document.body.append(`This page could not be built (页面无法生成): ${error.message}`)
  throw error
})
export const operations = Object.entries(spec.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => Object.hasOwn(item, method)).map((method) => ({ path, method, ...item[method] })))
export const sandbox = Object.hasOwn(spec.paths, '/sandbox/encrypt')

/** The names of the errors that a route can answer with. */
export const errorsOf = ({ responses }) => Object.entries(responses)
  .filter(([status]) => status !== '200')
  .flatMap(([, response]) => Object.keys(response.content['application/json'].examples))

/** Follow a `$ref`; what stands beside it wins. */
export function resolved(schema) {
  if (!schema.$ref) return schema
  const { $ref, ...more } = schema
  return { ...spec.components.schemas[$ref.split('/').pop()], ...more }
}
