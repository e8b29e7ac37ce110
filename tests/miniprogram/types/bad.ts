/** What must not compile. Each line below a `@ts-expect-error` has an error, or there is one here. */

import { createClient } from '../../../miniprogram/myapi/index'
import './good'

const api = createClient({ baseUrl: 'https://api.example.com' })

// @ts-expect-error baseUrl is a text
createClient({ baseUrl: 7 })
// @ts-expect-error there has to be a baseUrl
createClient({})
// @ts-expect-error the openid is never told
api.me().then(me => me.openid)
// @ts-expect-error the answer is of the type that is named
api.get<{ id: number }>('/api/other').then(({ name }) => name)
// @ts-expect-error so is the body
api.post<{ text: string }, null>('/api/other', { text: 7 })
// @ts-expect-error a body that is named is needed
api.post<{ text: string }, null>('/api/other')
// @ts-expect-error the body of a known route is checked
api.post('/api/notes', { txt: 'x' })
// @ts-expect-error and needed
api.post('/api/notes')
// @ts-expect-error so is the query
api.get('/api/notes', { limit: 'three' })
// @ts-expect-error a route that takes nothing gets nothing
api.get('/api/notes/7', { limit: 3 })
// @ts-expect-error the answer of a known route
api.get('/api/notes').then(notes => notes.length.id)
// @ts-expect-error a path with a parameter too
api.put(`/api/notes/${7}`, { text: 7 })
// @ts-expect-error
api.get('/api/other', {}, { header: { 'X-A': 7 } })
// @ts-expect-error a login cannot be aborted: others may wait for it
api.login().abort()
// @ts-expect-error then() gives a plain promise
api.me().then(me => me).abort()
// @ts-expect-error a download is sent again anyway
api.download('/api/bill', { idempotent: true })
// @ts-expect-error one list of templates
api.askToNotify('t1')
// @ts-expect-error it is no field of an error
api.me().catch((error: import('../../../miniprogram/myapi/index').ApiError) => error.statusCode)
// @ts-expect-error private
api._session
