/** What must compile: the types say what the calls give. */

import { ApiError, ERRORS, createClient, type Call, type User } from '../../../miniprogram/myapi/index'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_is: Same<A, B>) => undefined

declare global {
  interface MyapiRoutes {
    'GET /api/notes': { in: { limit?: number }; out: Note[] }
    'POST /api/notes': { in: NewNote; out: Note }
    'GET /api/notes/{id}': { in: never; out: Note }
    'GET /api/notes/mine': { in: never; out: string }
    'PUT /api/notes/{id}': { in: NewNote; out: Note }
    'DELETE /api/notes/{id}': { in: never; out: null }
    'GET /api/notes/{id}/comments/{number}': { in: never; out: number }
    'POST /api/scans': { in: never; out: boolean }
  }
}

interface Note {
  id: number
  text: string
}
interface NewNote {
  text: string
}

const api = createClient({ baseUrl: 'https://api.example.com' })
const id: string = '7'

// named at the call
const named = api.get<Note>('/api/other')
same<typeof named, Call<Note>>(true)
const made = api.post<NewNote, Note>('/api/other', { text: 'x' })
same<typeof made, Call<Note>>(true)
const unnamed = api.get('/api/other', { any: 1 })
same<typeof unnamed, Call<any>>(true)
const computed = api.get(id)
same<typeof computed, Call<any>>(true)
api.put('/api/other', { any: 1 }, { idempotent: false, timeout: 5 })
api.post('/api/other')

// by the routes of the server
const list = api.get('/api/notes', { limit: 3 })
same<typeof list, Call<Note[]>>(true)
const all = api.get('/api/notes')
same<typeof all, Call<Note[]>>(true)
const queried = api.get('/api/notes?limit=3')
same<typeof queried, Call<Note[]>>(true)
const note = api.get(`/api/notes/${id}`)
same<typeof note, Call<Note>>(true)
const literal = api.get('/api/notes/7')
same<typeof literal, Call<Note>>(true)
const mine = api.get('/api/notes/mine')
same<typeof mine, Call<string>>(true)
const comment = api.get(`/api/notes/${id}/comments/${7}`)
same<typeof comment, Call<number>>(true)
const changed = api.put(`/api/notes/${id}`, { text: 'y' }, { timeout: 1000 })
same<typeof changed, Call<Note>>(true)
const gone = api.delete(`/api/notes/${id}`)
same<typeof gone, Call<null>>(true)
const options = api.delete(`/api/notes/${id}`, undefined, { timeout: 5 })
same<typeof options, Call<null>>(true)
const scanned = api.upload('/api/scans', 'wxfile://1', { onProgress: percent => percent.toFixed() })
same<typeof scanned, Call<boolean>>(true)
const overruled = api.get<string>('/api/notes')
same<typeof overruled, Call<string>>(true)

// the rest
api.me().then((me: User) => me.phone).catch((error: ApiError) => error.error === 'aborted' || error.error === 'own')
api.download('/api/bill', { auth: true }).then(({ tempFilePath }) => tempFilePath.length)
list.abort()
const off: () => void = api.onRequest(({ header, id }) => (header['X-Trace'] = `${id}`))
off()
api.onResponse(({ ms, status, error }) => `${ms} ${status} ${error}`)
ERRORS.network.zh.length
