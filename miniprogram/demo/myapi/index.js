/**
 * The phone's side of myapi:
 *
 *     const { createClient } = require('./myapi/index')
 *     const api = createClient({ baseUrl: 'https://api.example.com' })
 *     const me = await api.get('/api/me')
 */

const { createClient } = require('./client')
const { ApiError, ERRORS } = require('./errors')

module.exports = { ApiError, ERRORS, createClient }
